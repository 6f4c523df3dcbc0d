/**
 * Decides on the tasks the queue hands out, one after the other against the same table, each placement
 * counting for the next. Synchronous: nothing can change the cluster state between two decisions of a batch.
 *
 * Like tasks are refused together: what fits nowhere keeps fitting nowhere until something makes room
 * (`snapshot.reliefs`), so a backlog of a million equal tasks costs one scan. A refused task may displace
 * others: the room is kept for it while they end, and it is decided again when the room is there. The members
 * of a gang are decided together (gang-placement.ts).
 */
import type { ClusterState, KeptRoom } from './cluster-state.ts';
import { ClassIndex } from './core/class-index.ts';
import { DecisionHash } from './core/decision-hash.ts';
import type { Explanation } from './core/explain.ts';
import { waitsForOthers } from './core/plugins/inter-task-affinity.ts';
import { type Preemption, PreemptionIndex } from './core/preemption-index.ts';
import type { Profile } from './core/profile.ts';
import { classKeyOf, type SchedulingTask } from './core/scheduling-task.ts';
import {
  type GangDecision,
  type GangPlaces,
  type GangTools,
  makeRoomForGang,
  placeGang,
  type WaitingGang,
} from './gang-placement.ts';
import type { QueuedTask, SchedulingQueue } from './queue.ts';

export interface Placed {
  queued: QueuedTask;
  node: string;
  /** Job of the gang that it is bound with, all or nothing. */
  gang?: string;
  /** Of the node, as it was decided; the members of a gang have none. */
  score?: number;
  scores?: readonly { plugin: string; score: number }[];
}

export interface Refused {
  queued: QueuedTask;
  explanation: Explanation;
}

/** Room is kept for the task; whoever acts on the batch tells the victims to end. */
export interface Displacement {
  queued: QueuedTask;
  preemption: Preemption;
  /** Job of the gang that room is made for, all or nothing. */
  gang?: string;
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
    const decided = new Set<QueuedTask>();
    for (const queued of this.#queue.take(max)) {
      if (decided.has(queued)) continue;
      const together = this.#together(queued);
      for (const member of together ?? []) decided.add(member);
      try {
        if (together) this.#decideGang(together, batch);
        else this.#decideOne(queued, batch);
      } catch (error) {
        for (const one of together ?? [queued]) {
          this.#queue.retry(one);
          batch.failed.push({ queued: one, error });
        }
      }
    }
    return batch;
  }

  /** The waiting members of its gang, itself included; undefined when it may go alone. */
  #together({ task: { gang, job } }: QueuedTask): QueuedTask[] | undefined {
    if (!gang || job === undefined) return undefined;
    const { bound, succeeded } = this.#state.gangs.count(job);
    if (bound + succeeded >= gang.minMember) return undefined;
    return this.#queue.takeGang(job).filter(({ task }) => !this.#state.isAssumed(task.uid));
  }

  #decideGang(together: readonly QueuedTask[], batch: Batch): void {
    const { job = '', gang } = together[0]!.task;
    const { assumed, bound, succeeded } = this.#state.gangs.count(job);
    if (assumed > 0) {
      // The others are on their way to the API server: what becomes of them decides.
      for (const queued of together) this.#queue.retry(queued);
      return;
    }
    const needed = (gang?.minMember ?? 1) - bound - succeeded;
    const rooms = together.flatMap(({ task }) => this.#state.giveUpRoom(task.uid) ?? []);
    const waiting = { members: together.map(({ task }) => task), needed };
    const decision: GangDecision =
      together.length < needed
        ? { places: undefined, explanation: this.#incomplete(together.length, needed) }
        : placeGang(this.#gangTools, waiting);
    for (const { task } of together) this.hash.add(task.key, decision.places?.get(task.uid));
    if (decision.places) {
      this.#bindGang(together, decision.places, { job, batch });
      for (const { node } of rooms) this.#state.announceFree(node);
    } else this.#refuseGang({ together, waiting, rooms }, decision.explanation, batch);
  }

  #bindGang(
    together: readonly QueuedTask[],
    places: GangPlaces<string>,
    { job, batch }: { job: string; batch: Batch },
  ): void {
    for (const queued of together) {
      const node = places.get(queued.task.uid);
      if (node !== undefined) batch.placed.push({ queued, node, gang: job });
      // It is one more than there must be, and goes by itself once the others are bound.
      else this.#queue.retry(queued);
    }
  }

  #refuseGang(
    {
      together,
      waiting,
      rooms,
    }: { together: readonly QueuedTask[]; waiting: WaitingGang; rooms: readonly KeptRoom[] },
    explanation: Explanation,
    batch: Batch,
  ): void {
    const job = together[0]!.task.job ?? '';
    const isAwaiting = rooms.some((room) => this.#state.isAwaiting(room));
    if (isAwaiting) for (const room of rooms) this.#state.keepRoom(room);
    else for (const { node } of rooms) this.#state.announceFree(node);
    const mayPreempt =
      !isAwaiting &&
      explanation.reason === 'Unschedulable' &&
      together.every(({ task }) => this.#mayPreempt(task));
    const made = mayPreempt ? makeRoomForGang(this.#gangTools, waiting) : undefined;
    for (const queued of together) {
      const { task } = queued;
      const preemption = made?.get(task.uid);
      const node =
        preemption?.node ?? (isAwaiting ? rooms.find((room) => room.task.uid === task.uid)?.node : undefined);
      if (preemption) batch.displacements.push({ queued, preemption, gang: job });
      const told = node === undefined ? explanation : preempting(explanation, node);
      this.#queue.park(queued, filtersOf(explanation));
      batch.refused.push({ queued, explanation: told });
    }
    const isReady =
      made && together.every(({ task }) => !made.has(task.uid) || this.#state.hasNothingToAwait(task.uid));
    if (isReady) for (const { task } of together) this.#queue.activate(task.key);
  }

  get #gangTools(): GangTools {
    return {
      state: this.#state,
      schedule: (task) => this.#index.schedule(task),
      preempt: (task) => this.#preemptions.find(task),
      keepRoom: (task, preemption) => this.#keepRoom(task, preemption),
    };
  }

  #incomplete(count: number, needed: number): Explanation {
    const message = `the gang needs ${needed} tasks placed at once, and ${count} of them are there`;
    return {
      reason: 'WaitingForGang',
      message,
      total: this.#state.snapshot.nodeCount,
      rejected: [],
    };
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
      const { node, score, scores } = decision;
      batch.placed.push({ queued, node, score, scores });
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
    const ending = this.#state.residents.on(slot).filter((resident) => resident.ending);
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
