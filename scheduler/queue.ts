/**
 * The tasks that wait for a node (kube-scheduler's PriorityQueue):
 *
 *   add ──▶ active ──take──▶ deciding ──remove──▶ bound
 *             ▲  ▲              │  └──retry──▶ backoff (1 2 4 8 10 10 … s)
 *             │  └── flush ─────┼─────────────────┘ ▲
 *             └── wake ── parked ◀──park            └── woken before its backoff is over, or its preemption refused
 *
 * A preemptor whose room is ready goes from parked or backoff to active at once (activate).
 *
 * Parked tasks take no time until something happens that may help them: each class of like tasks
 * remembers the filters that refused it, and an event wakes it only if one of them takes the hint.
 * Whatever the hints miss comes back after five minutes.
 *
 * Invariant: a task is in exactly one place; whoever is removed is never handed out.
 */
import type { Clock } from '../api/meta/clock.ts';
import type { ClusterEvent } from './core/plugin.ts';
import type { QueueSort } from './core/profile.ts';
import type { SchedulingTask } from './core/scheduling-task.ts';
import { Heap } from './heap.ts';

export interface QueuedTask {
  readonly task: SchedulingTask;
  /** Decisions that failed, and when the last did (monotonic). */
  attempts: number;
  failedMs: number;
  place: 'active' | 'deciding' | 'backoff' | 'parked' | 'gone';
}

/** Tasks of one signature that fit nowhere. */
interface ParkedClass {
  /** Names of the filters that refused nodes; none when there were no nodes. */
  filters: Set<string>;
  tasks: Set<QueuedTask>;
}

export interface QueueOptions {
  clock: Pick<Clock, 'monotonicMs'>;
  sort: QueueSort['queueSort'];
  /** Could the event change the mind of one of these filters about the task? */
  hint: (event: ClusterEvent, task: SchedulingTask, filters: ReadonlySet<string>) => boolean;
}

const maxBackoffMs = 10_000;
export const parkedForMs = 5 * 60_000;

export class SchedulingQueue {
  readonly #clock: QueueOptions['clock'];
  readonly #hint: QueueOptions['hint'];
  readonly #sort: QueueOptions['sort'];
  readonly #tasks = new Map<string, QueuedTask>();
  /** Both heaps may hold tasks that have left for another place; they are dropped when they come up. */
  readonly #active: Heap<QueuedTask>;
  readonly #backoff = new Heap<QueuedTask>((left, right) => dueMs(left) - dueMs(right));
  readonly #parked = new Map<string, ParkedClass>();
  /** Waiting members by job. */
  readonly #gangs = new Map<string, Set<QueuedTask>>();

  constructor({ clock, sort, hint }: QueueOptions) {
    this.#clock = clock;
    this.#hint = hint;
    this.#sort = sort;
    this.#active = new Heap((left, right) => sort(left.task, right.task));
  }

  /** All waiting tasks, those being decided included. */
  get size(): number {
    return this.#tasks.size;
  }

  placeOf(key: string): QueuedTask['place'] | undefined {
    return this.#tasks.get(key)?.place;
  }

  /** How many wait in each place. */
  depths(): Record<QueuedTask['place'], number> {
    const depths = { active: 0, deciding: 0, backoff: 0, parked: 0, gone: 0 };
    for (const { place } of this.#tasks.values()) depths[place]++;
    return depths;
  }

  /** A new task, or one whose spec may have changed; one that asks for the same as before stays where it is. */
  add(task: SchedulingTask): void {
    const known = this.#tasks.get(task.key);
    if (known?.task.uid === task.uid && known.task.signature === task.signature) return;
    this.remove(task.key);
    const queued: QueuedTask = { task, attempts: 0, failedMs: 0, place: 'active' };
    this.#tasks.set(task.key, queued);
    this.#active.push(queued);
    if (!task.gang || task.job === undefined) return;
    const members = this.#gangs.get(task.job) ?? new Set();
    this.#gangs.set(task.job, members.add(queued));
  }

  remove(key: string): void {
    const queued = this.#tasks.get(key);
    if (!queued) return;
    this.#unpark(queued);
    queued.place = 'gone';
    this.#tasks.delete(key);
    const { job = '' } = queued.task;
    const members = this.#gangs.get(job);
    members?.delete(queued);
    if (members?.size === 0) this.#gangs.delete(job);
  }

  /** The next tasks to decide on, at most `max`, in their order. Each must go on to `park`, `retry` or `remove`. */
  take(max: number): QueuedTask[] {
    const taken: QueuedTask[] = [];
    while (taken.length < max) {
      const queued = this.#active.pop();
      if (!queued) break;
      if (queued.place !== 'active') continue;
      queued.place = 'deciding';
      taken.push(queued);
    }
    return taken;
  }

  /**
   * All waiting members of a gang, wherever they wait, for one decision on all of them; in the queue's order.
   * The same holds of each as after `take`.
   */
  takeGang(job: string): QueuedTask[] {
    const members = [...(this.#gangs.get(job) ?? [])];
    for (const queued of members) {
      this.#unpark(queued);
      queued.place = 'deciding';
    }
    return members.sort((left, right) => this.#sort(left.task, right.task));
  }

  /**
   * No node would do. `alike`: found out by a decision on another task of the class, which is no failed
   * attempt of this one.
   */
  park(queued: QueuedTask, filters: Iterable<string>, { alike = false } = {}): void {
    if (queued.place !== 'deciding') return;
    if (!alike) this.#countFailure(queued);
    const { signature } = queued.task;
    const parked = this.#parked.get(signature) ?? { filters: new Set(), tasks: new Set() };
    this.#parked.set(signature, parked);
    parked.tasks.add(queued);
    for (const filter of filters) parked.filters.add(filter);
    queued.place = 'parked';
  }

  /** What was decided came to nothing: try again after the backoff. */
  retry(queued: QueuedTask): void {
    if (queued.place !== 'deciding' && queued.place !== 'parked') return;
    this.#unpark(queued);
    this.#countFailure(queued);
    this.#toBackoff(queued);
  }

  /** Lets go of the parked tasks that the event may help. Gives how many. */
  wake(event: ClusterEvent): number {
    let woken = 0;
    for (const [signature, { filters, tasks }] of this.#parked) {
      const [first] = tasks;
      if (first && !this.#hint(event, first.task, filters)) continue;
      this.#parked.delete(signature);
      for (const queued of tasks) this.#release(queued);
      woken += tasks.size;
    }
    return woken;
  }

  /** Its room is there: it need not wait any longer. Gives whether it waited. */
  activate(key: string): boolean {
    const queued = this.#tasks.get(key);
    if (queued?.place !== 'parked' && queued?.place !== 'backoff') return false;
    this.#unpark(queued);
    this.#toActive(queued);
    return true;
  }

  /** Moves what has waited long enough to active. */
  flush(): void {
    const nowMs = this.#clock.monotonicMs();
    for (let next = this.#backoff.peek(); next && dueMs(next) <= nowMs; next = this.#backoff.peek()) {
      this.#backoff.pop();
      if (next.place === 'backoff') this.#toActive(next);
    }
    for (const { tasks } of this.#parked.values()) {
      for (const queued of tasks) {
        if (queued.failedMs + parkedForMs > nowMs) continue;
        this.#unpark(queued);
        this.#toActive(queued);
      }
    }
  }

  /** Milliseconds until there is something to `take`, as far as time alone decides; at most `maxMs`. */
  idleMs(maxMs: number): number {
    if (this.#active.size > 0) return 0;
    const next = this.#backoff.peek();
    return next ? Math.min(maxMs, Math.max(0, dueMs(next) - this.#clock.monotonicMs())) : maxMs;
  }

  #countFailure(queued: QueuedTask): void {
    queued.attempts++;
    queued.failedMs = this.#clock.monotonicMs();
  }

  #release(queued: QueuedTask): void {
    if (dueMs(queued) > this.#clock.monotonicMs()) this.#toBackoff(queued);
    else this.#toActive(queued);
  }

  #toActive(queued: QueuedTask): void {
    queued.place = 'active';
    this.#active.push(queued);
  }

  #toBackoff(queued: QueuedTask): void {
    queued.place = 'backoff';
    this.#backoff.push(queued);
  }

  #unpark(queued: QueuedTask): void {
    if (queued.place !== 'parked') return;
    const { signature } = queued.task;
    const parked = this.#parked.get(signature);
    parked?.tasks.delete(queued);
    if (parked?.tasks.size === 0) this.#parked.delete(signature);
  }
}

/** When the backoff of the task is over: 1, 2, 4, 8, 10, 10 … seconds after its last failure. */
function dueMs({ attempts, failedMs }: QueuedTask): number {
  return attempts === 0 ? failedMs : failedMs + Math.min(maxBackoffMs, 1000 * 2 ** (attempts - 1));
}
