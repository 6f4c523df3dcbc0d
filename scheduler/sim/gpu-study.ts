/**
 * The study of Weng et al. (USENIX ATC'23) as a simulation: tasks arrive until they ask for 130 % of all GPUs,
 * each is placed by the policy or turned away for good, none ends. Measured is how much of the GPUs is
 * allocated when so much has arrived. Pure: nodes, tasks, policy and seed in; curve out.
 *
 * Scores are kept per shape and recomputed for the nodes that changed since that shape's last arrival:
 * the result is that of scoring every node every time, with a thirtieth of the work.
 */
import type { Random } from '../../api/meta/random.ts';
import { DecisionHash } from '../core/decision-hash.ts';
import { GpuCell, type GpuNode, type GpuShape, isShared } from './gpu-cell.ts';
import type { GpuPolicy } from './gpu-policies.ts';

export interface GpuStudyResult {
  /** GPU thousandths allocated, in percent of capacity, when 0, 1, … 130 % have arrived. Empty without GPUs. */
  allocation: number[];
  placed: number;
  refused: number;
  decisionHash: string;
}

const unfit = -1;

/** What is known of one shape on every node, as of `seen` changes of the cell. */
interface ShapeScores {
  scores: Int16Array;
  seen: number;
}

/** Who places the tasks, in a cell of its own. */
export interface GpuScheduler {
  /** GPU thousandths of all nodes, and how many of them tasks have. */
  readonly capacity: number;
  readonly allocated: number;
  /** Places the task; gives its node, undefined when it fits nowhere. */
  schedule(shape: GpuShape): number | string | undefined;
}

export function runGpuStudy(
  nodes: readonly GpuNode[],
  arrivals: readonly GpuShape[],
  policy: GpuPolicy,
): GpuStudyResult {
  return study(new PolicyScheduler(nodes, policy), arrivals);
}

/** Ends early once more than `mayRefuse` were turned away. */
export function study(
  scheduler: GpuScheduler,
  arrivals: readonly GpuShape[],
  mayRefuse = arrivals.length,
): GpuStudyResult {
  const { capacity } = scheduler;
  const hash = new DecisionHash();
  const allocation: number[] = [];
  let arrived = 0;
  let placed = 0;
  let refused = 0;
  for (const [index, shape] of arrivals.entries()) {
    const node = scheduler.schedule(shape);
    if (node !== undefined) placed++;
    else if (++refused > mayRefuse) break;
    hash.add(`${index}`, node === undefined ? undefined : `${node}`);
    arrived += shape.gpus * shape.gpuMilli;
    while (capacity > 0 && arrived * 100 >= allocation.length * capacity)
      allocation.push((100 * scheduler.allocated) / capacity);
  }
  return { allocation, placed, refused, decisionHash: hash.toString() };
}

/** All of the workload, then tasks drawn from it until they ask for `ratio` of the capacity, in random order. */
export function inflate(
  workload: readonly GpuShape[],
  { capacity, ratio, random }: { capacity: number; ratio: number; random: Random },
): GpuShape[] {
  const arrivals = [...workload];
  let asked = arrivals.reduce((sum, { gpus, gpuMilli }) => sum + gpus * gpuMilli, 0);
  if (asked === 0) return arrivals;
  while (asked < ratio * capacity) {
    const shape = workload[Math.floor(random.next() * workload.length)]!;
    asked += shape.gpus * shape.gpuMilli;
    arrivals.push(shape);
  }
  return shuffled(arrivals, random);
}

export class PolicyScheduler implements GpuScheduler {
  readonly #cell: GpuCell;
  readonly #policy: GpuPolicy;
  readonly #known = new Map<GpuShape, ShapeScores>();

  constructor(nodes: readonly GpuNode[], policy: GpuPolicy) {
    this.#cell = new GpuCell(nodes);
    this.#policy = policy;
  }

  get capacity(): number {
    return this.#cell.capacity;
  }

  get allocated(): number {
    return this.#cell.allocated;
  }

  schedule(shape: GpuShape): number | undefined {
    const scores = this.#scoresOf(shape);
    const node = this.#policy.pick ? this.#pick(scores) : bestOf(scores);
    if (node === undefined) return undefined;
    this.#cell.place(node, shape, isShared(shape) ? this.#policy.device(this.#cell, node, shape) : 0);
    return node;
  }

  #pick(scores: Int16Array): number | undefined {
    const feasible: number[] = [];
    for (let node = 0; node < scores.length; node++) if (scores[node] !== unfit) feasible.push(node);
    return feasible.length === 0 ? undefined : this.#policy.pick?.(feasible);
  }

  #scoresOf(shape: GpuShape): Int16Array {
    const { changes, size } = this.#cell;
    let known = this.#known.get(shape);
    if (known) {
      const changed = new Set(changes.slice(known.seen));
      for (const node of changed) known.scores[node] = this.#score(node, shape);
    } else {
      known = { scores: new Int16Array(size), seen: 0 };
      for (let node = 0; node < size; node++) known.scores[node] = this.#score(node, shape);
      this.#known.set(shape, known);
    }
    known.seen = changes.length;
    return known.scores;
  }

  #score(node: number, shape: GpuShape): number {
    return this.#cell.fits(node, shape) ? this.#policy.score(this.#cell, node, shape) : unfit;
  }
}

/** The first of the highest. */
function bestOf(scores: Int16Array): number | undefined {
  let best = 0;
  for (let node = 1; node < scores.length; node++) if (scores[node]! > scores[best]!) best = node;
  return (scores[best] ?? unfit) === unfit ? undefined : best;
}

/** Fisher–Yates. */
function shuffled<T>(items: T[], random: Random): T[] {
  for (let end = items.length - 1; end > 0; end--) {
    const other = Math.floor(random.next() * (end + 1));
    [items[end], items[other]] = [items[other]!, items[end]!];
  }
  return items;
}
