/**
 * Cell compaction (Borg, EuroSys'15 section 5.1): how few of the cell's nodes would do for a set of tasks.
 * Nodes are taken away in a random order until the tasks no longer fit; several orders, and the 90th percentile,
 * so that a lucky order does not count. A few picky tasks (0.2 %) may stay pending.
 */
import type { Node, Task } from '../../api/kinds/resources.ts';
import { type Random, seededRandom } from '../../api/meta/random.ts';
import { simulate } from './simulation.ts';

export interface Compaction {
  nodes: number;
  /** Nodes that would do: the 90th percentile of the trials, and all of them in order. */
  needed: number;
  trials: number[];
}

export const mayStayPending = 0.002;

export interface CompactionOptions {
  trials: number;
  seed: number;
}

export function compactCell(
  nodes: readonly Node[],
  tasks: readonly Task[],
  options: CompactionOptions,
): Compaction {
  return compact(nodes, (some) => holdsAll(some, tasks), options);
}

/** For nodes of any kind; `holds` says whether so many of them would do. */
export function compact<T>(
  nodes: readonly T[],
  holds: (some: readonly T[]) => boolean,
  { trials, seed }: CompactionOptions,
): Compaction {
  const found = Array.from({ length: trials }, (_, trial) =>
    fewest(shuffled(nodes, seededRandom(seed + trial)), holds),
  ).sort((left, right) => left - right);
  return { nodes: nodes.length, needed: found[Math.ceil(0.9 * trials) - 1] ?? nodes.length, trials: found };
}

/** Halves: packing is not strictly monotone in the nodes, but a node more than is needed does no harm that matters. */
function fewest<T>(order: readonly T[], holds: (some: readonly T[]) => boolean): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(order.slice(0, middle))) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Packed anew, in the order of the queue: where the tasks were before does not matter. */
function holdsAll(nodes: readonly Node[], tasks: readonly Task[]): boolean {
  const trace = tasks.map((task) => {
    const { nodeName: _place, ...spec } = task.spec;
    return { task: { ...task, spec, status: { phase: 'Pending' as const } }, arrival: 0 };
  });
  const { fates } = simulate(nodes, trace);
  const pending = fates.filter(({ placedAt }) => placedAt === undefined).length;
  return pending <= mayStayPending * tasks.length;
}

/** Fisher–Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items];
  for (let end = order.length - 1; end > 0; end--) {
    const other = Math.floor(random.next() * (end + 1));
    [order[end], order[other]] = [order[other]!, order[end]!];
  }
  return order;
}
