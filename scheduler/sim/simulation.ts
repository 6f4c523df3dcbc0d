/**
 * The production scheduler (cluster state, queue, decider) on a clock of its own over a trace: tasks arrive,
 * wait, run for their duration, end. Pure: the same nodes and tasks give the same result and decision hash.
 */
import type { Node } from '../../api/kinds/resources.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import type { Clock } from '../../api/meta/clock.ts';
import { ClusterState } from '../cluster-state.ts';
import { givesHope } from '../core/hints.ts';
import { Profile } from '../core/profile.ts';
import { type SchedulingTask, schedulingTask } from '../core/scheduling-task.ts';
import { Decider } from '../decider.ts';
import { Heap } from '../heap.ts';
import { SchedulingQueue } from '../queue.ts';
import { CellMeter, type Sample } from './cell-meter.ts';
import type { SimTask } from './trace.ts';

/** What became of one task. Times in seconds of the trace. */
export interface Fate {
  arrival: number;
  /** Undefined: it never found a node. */
  placedAt: number | undefined;
  endedAt: number | undefined;
  asked: SimTask;
}

export interface SimResult {
  fates: Fate[];
  samples: Sample[];
  /** Shares of all allocatable, by resource; the mean over time. */
  utilisation: Record<string, { mean: number; peak: number }>;
  /** When the cell was fullest. */
  peakAt: number;
  decisionHash: string;
}

interface Running {
  fate: Fate;
  task: SchedulingTask;
  endsAt: number;
}

/** Tasks decided in one go, as in production. */
const maxBatch = 500;
const wantedSamples = 200;

export function simulate(nodes: readonly Node[], trace: readonly SimTask[]): SimResult {
  return new Simulation(nodes, trace).run();
}

/** Time as the events of the trace set it; nothing in a simulation waits for it. */
class TraceClock implements Clock {
  seconds = 0;

  now(): number {
    return Math.round(this.seconds * 1000);
  }

  monotonicMs(): number {
    return this.now();
  }

  after(): never {
    throw new ApiError('InternalError', 'the clock of a simulation has no timers');
  }
}

class Simulation {
  readonly #clock = new TraceClock();
  readonly #profile = new Profile();
  readonly #state: ClusterState = new ClusterState((event) => void this.#queue.wake(event));
  readonly #queue: SchedulingQueue;
  readonly #decider: Decider;
  readonly #meter: CellMeter;
  readonly #trace: readonly SimTask[];
  readonly #fates = new Map<string, Fate>();
  readonly #ends = new Heap<Running>((left, right) => left.endsAt - right.endsAt);
  #next = 0;

  constructor(nodes: readonly Node[], trace: readonly SimTask[]) {
    const profile = this.#profile;
    this.#trace = trace;
    this.#queue = new SchedulingQueue({
      clock: this.#clock,
      sort: profile.queueSort,
      hint: (event, task, refusedBy) => givesHope(profile, this.#state.snapshot, { event, task, refusedBy }),
    });
    this.#decider = new Decider({ profile, state: this.#state, queue: this.#queue });
    for (const node of nodes) this.#state.setNode(node);
    const from = trace[0]?.arrival ?? 0;
    const until = trace.reduce((last, { arrival, duration = 0 }) => Math.max(last, arrival + duration), from);
    this.#meter = new CellMeter(this.#state.snapshot, {
      startsAt: from,
      interval: (until - from) / wantedSamples,
    });
    this.#clock.seconds = from;
  }

  run(): SimResult {
    for (let at = this.#clock.seconds; Number.isFinite(at); at = this.#nextMoment()) {
      this.#meter.pass(at, this.#counts());
      this.#clock.seconds = at;
      this.#endTasks();
      this.#admitTasks();
      this.#queue.flush();
      this.#decide();
    }
    this.#meter.sample(this.#clock.seconds, this.#counts());
    return {
      fates: [...this.#fates.values()],
      samples: this.#meter.samples,
      utilisation: this.#meter.utilisation(),
      peakAt: this.#meter.peakAt,
      decisionHash: this.#decider.hash.toString(),
    };
  }

  #counts(): { running: number; waiting: number } {
    return { running: this.#meter.running, waiting: this.#queue.size };
  }

  /** Infinity when nothing more will ever happen. */
  #nextMoment(): number {
    return Math.min(
      this.#trace[this.#next]?.arrival ?? Number.POSITIVE_INFINITY,
      this.#ends.peek()?.endsAt ?? Number.POSITIVE_INFINITY,
      (this.#clock.now() + Math.ceil(this.#queue.idleMs(Number.POSITIVE_INFINITY))) / 1000,
    );
  }

  #endTasks(): void {
    for (
      let first = this.#ends.peek();
      first && first.endsAt <= this.#clock.seconds;
      first = this.#ends.peek()
    ) {
      this.#ends.pop();
      first.fate.endedAt = first.endsAt;
      this.#meter.remove(first.task);
      this.#state.removeTask(first.task.uid);
    }
  }

  #admitTasks(): void {
    for (
      let one = this.#trace[this.#next];
      one && one.arrival <= this.#clock.seconds;
      one = this.#trace[++this.#next]
    ) {
      if (isTerminal(one.task.status.phase)) continue;
      const task = schedulingTask(one.task);
      const fate: Fate = { arrival: one.arrival, placedAt: undefined, endedAt: undefined, asked: one };
      this.#fates.set(task.uid, fate);
      this.#meter.expect(task);
      if (one.task.spec.nodeName === undefined) this.#queue.add(task);
      else {
        this.#state.setTask(one.task);
        this.#begin(task, fate);
      }
    }
  }

  #decide(): void {
    for (;;) {
      const { placed, refused, failed } = this.#decider.decideBatch(maxBatch);
      const [broken] = failed;
      if (broken) throw broken.error;
      for (const { queued } of placed) {
        this.#queue.remove(queued.task.key);
        this.#begin(queued.task, this.#fates.get(queued.task.uid)!);
      }
      if (placed.length + refused.length === 0) return;
    }
  }

  #begin(task: SchedulingTask, fate: Fate): void {
    fate.placedAt = this.#clock.seconds;
    this.#meter.add(task);
    const { duration } = fate.asked;
    if (duration !== undefined) this.#ends.push({ fate, task, endsAt: this.#clock.seconds + duration });
  }
}
