/**
 * Decides on the tasks the queue hands out, one after the other against the same table, each placement
 * counting for the next. Synchronous: nothing can change the cluster state between two decisions of a batch.
 *
 * Like tasks are refused together: what fits nowhere keeps fitting nowhere until something makes room
 * (`snapshot.reliefs`), so a backlog of a million equal tasks costs one scan. A refused task may displace
 * others: the room is kept for it while they end, and it is decided again when the room is there.
 */
import type { ClusterState, KeptRoom } from './cluster-state.ts';
import { ClassIndex } from './core/class-index.ts';
import { DecisionHash } from './core/decision-hash.ts';
import type { Explanation } from './core/explain.ts';
import { waitsForOthers } from './core/plugins/inter-task-affinity.ts';
import { type Preemption, PreemptionIndex } from './core/preemption-index.ts';
import type { Profile } from './core/profile.ts';
import { classKeyOf, type SchedulingTask } from './core/scheduling-task.ts';
import type { QueuedTask, SchedulingQueue } from './queue.ts';

export interface Placed {
  queued: QueuedTask;
  node: string;
}

export interface Refused {
  queued: QueuedTask;
  explanation: Explanation;
}

/** Room is kept for the task; whoever acts on the batch tells the victims to end. */
export interface Displacement {
  queued: QueuedTask;
  preemption: Preemption;
}

/** A plugin threw: the task is tried again after its backoff, the others are not touched by it. */
export interface FailedDecision {
  queued: QueuedTask;
  error: unknown;
}

export interface Batch {
  placed: Placed[];
  /** Those that displace others are among them. */
  refused: Refused[];
  displacements: Displacement[];
  failed: FailedDecision[];
}

export interface DeciderOptions {
  profile: Profile;
  state: ClusterState;
  queue: SchedulingQueue;
  /** Whether a task may displace others of lower priority; absent: none may. */
  mayPreempt?: (task: SchedulingTask) => boolean;
}

export class Decider {
  readonly hash = new DecisionHash();
  readonly #state: ClusterState;
  readonly #queue: SchedulingQueue;
  readonly #mayPreempt: (task: SchedulingTask) => boolean;
  readonly #index: ClassIndex;
  readonly #preemptions: PreemptionIndex;
  /**
   * Explanations by class, and the classes that no preemption helps; good as long as `reliefs` stands, and for
   * tasks that wait for others as long as nothing changes at all.
   */
  readonly #refusals = new Map<string, { explanation: Explanation; changes: number }>();
  readonly #hopeless = new Set<string>();
  #reliefs = -1;

  constructor({ profile, state, queue, mayPreempt = () => false }: DeciderOptions) {
    this.#state = state;
    this.#queue = queue;
    this.#mayPreempt = mayPreempt;
    this.#index = new ClassIndex(profile, state.snapshot);
    this.#preemptions = new PreemptionIndex(profile, state);
  }

  /** Takes up to `max` tasks from the queue. The placed ones are assumed, the refused ones parked, the failed ones in backoff. */
  decideBatch(max: number): Batch {
    const batch: Batch = { placed: [], refused: [], displacements: [], failed: [] };
    for (const queued of this.#queue.take(max)) {
      try {
        this.#decideOne(queued, batch);
      } catch (error) {
        this.#queue.retry(queued);
        batch.failed.push({ queued, error });
      }
    }
    return batch;
  }

  #decideOne(queued: QueuedTask, batch: Batch): void {
    const { task } = queued;
    const room = this.#state.giveUpRoom(task.uid);
    const key = classKeyOf(task, this.#state.snapshot);
    const known = this.#knownRefusal(task, key);
    const decision = known ? { node: undefined, explanation: known } : this.#index.schedule(task);
    this.hash.add(task.key, decision.node);
    if (decision.node !== undefined) {
      this.#state.assume(task, decision.node);
      if (room && room.node !== decision.node) this.#state.announceFree(room.node);
      batch.placed.push({ queued, node: decision.node });
      return;
    }
    const { changes } = this.#state.snapshot;
    this.#refusals.set(key, { explanation: decision.explanation, changes });
    const node = this.#makeRoom({ queued, room, key }, batch);
    const explanation = node === undefined ? decision.explanation : preempting(decision.explanation, node);
    this.#queue.park(queued, filtersOf(explanation), { alike: known !== undefined });
    if (room && room.node !== node) this.#state.announceFree(room.node);
    // Only a room kept for another was in the way: nothing will end that could say it is free.
    if (node !== undefined && this.#state.hasNothingToAwait(task.uid)) this.#queue.activate(task.key);
    batch.refused.push({ queued, explanation });
  }

  #knownRefusal(task: SchedulingTask, key: string): Explanation | undefined {
    const { reliefs, changes } = this.#state.snapshot;
    if (reliefs !== this.#reliefs) {
      this.#refusals.clear();
      this.#hopeless.clear();
      this.#reliefs = reliefs;
    }
    const known = this.#refusals.get(key);
    return known && (known.changes === changes || !waitsForOthers(task)) ? known.explanation : undefined;
  }

  /** Gives the node on which room is kept for the task from now on. */
  #makeRoom(
    { queued, room, key }: { queued: QueuedTask; room: KeptRoom | undefined; key: string },
    { displacements }: Batch,
  ): string | undefined {
    const { task } = queued;
    if (room && this.#state.isAwaiting(room)) {
      this.#state.keepRoom(room);
      return room.node;
    }
    if (this.#hopeless.has(key) || !this.#mayPreempt(task)) return undefined;
    const preemption = this.#preemptions.find(task);
    if (!preemption) {
      if (!waitsForOthers(task)) this.#hopeless.add(key);
      return undefined;
    }
    this.hash.add(`${task.key} preempts on`, preemption.node);
    this.#keepRoom(task, preemption);
    displacements.push({ queued, preemption });
    return preemption.node;
  }

  #keepRoom(task: SchedulingTask, { node, slot, victims }: Preemption): void {
    const ending = [...this.#state.residents.on(slot).values()].filter((resident) => resident.ending);
    for (const { uid, key, isReservation } of victims) {
      if (!isReservation) continue;
      this.#state.giveUpRoom(uid);
      this.#queue.activate(key);
    }
    const awaited = [...ending, ...victims].filter(({ isReservation }) => !isReservation);
    this.#state.keepRoom({ node, task, awaited: awaited.map(({ uid }) => uid) });
  }
}

function filtersOf({ rejected }: Explanation): string[] {
  return rejected.map(({ filter }) => filter);
}

function preempting(explanation: Explanation, node: string): Explanation {
  const message = `${explanation.message}; room is being made on ${node}: lower priorities end there`;
  return { ...explanation, reason: 'Preempting', message, nominated: node };
}
