/**
 * Decides on the tasks the queue hands out, one after the other against the same table, each placement
 * counting for the next. Synchronous: nothing can change the cluster state between two decisions of a batch.
 *
 * Like tasks are refused together: what fits nowhere keeps fitting nowhere until something makes room
 * (`snapshot.reliefs`), so a backlog of a million equal tasks costs one scan.
 */
import type { ClusterState } from './cluster-state.ts';
import { ClassIndex } from './core/class-index.ts';
import { DecisionHash } from './core/decision-hash.ts';
import type { Explanation } from './core/explain.ts';
import type { Profile } from './core/profile.ts';
import type { QueuedTask, SchedulingQueue } from './queue.ts';

export interface Placed {
  queued: QueuedTask;
  node: string;
}

export interface Refused {
  queued: QueuedTask;
  explanation: Explanation;
}

/** A plugin threw: the task is tried again after its backoff, the others are not touched by it. */
export interface FailedDecision {
  queued: QueuedTask;
  error: unknown;
}

export interface Batch {
  placed: Placed[];
  refused: Refused[];
  failed: FailedDecision[];
}

export interface DeciderOptions {
  profile: Profile;
  state: ClusterState;
  queue: SchedulingQueue;
}

export class Decider {
  readonly hash = new DecisionHash();
  readonly #index: ClassIndex;
  readonly #state: ClusterState;
  readonly #queue: SchedulingQueue;
  /** Explanations by signature, good as long as `reliefs` stands. */
  readonly #refusals = new Map<string, Explanation>();
  #reliefs = -1;

  constructor({ profile, state, queue }: DeciderOptions) {
    this.#index = new ClassIndex(profile, state.snapshot);
    this.#state = state;
    this.#queue = queue;
  }

  /** Takes up to `max` tasks from the queue. The placed ones are assumed, the refused ones parked, the failed ones in backoff. */
  decideBatch(max: number): Batch {
    const batch: Batch = { placed: [], refused: [], failed: [] };
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

  #decideOne(queued: QueuedTask, { placed, refused }: Batch): void {
    const outcome = this.#knownRefusal(queued) ?? this.#decide(queued);
    this.hash.add(queued.task.key, outcome.node);
    if (outcome.node === undefined) refused.push({ queued, explanation: outcome.explanation });
    else placed.push({ queued, node: outcome.node });
  }

  #knownRefusal(queued: QueuedTask): { node: undefined; explanation: Explanation } | undefined {
    const { reliefs } = this.#state.snapshot;
    if (reliefs !== this.#reliefs) {
      this.#refusals.clear();
      this.#reliefs = reliefs;
    }
    const explanation = this.#refusals.get(queued.task.signature);
    if (!explanation) return undefined;
    this.#queue.park(queued, filtersOf(explanation), { alike: true });
    return { node: undefined, explanation };
  }

  #decide(queued: QueuedTask) {
    const decision = this.#index.schedule(queued.task);
    if (decision.node === undefined) {
      this.#refusals.set(queued.task.signature, decision.explanation);
      this.#queue.park(queued, filtersOf(decision.explanation));
    } else {
      this.#state.assume(queued.task, decision.node);
    }
    return decision;
  }
}

function filtersOf({ rejected }: Explanation): string[] {
  return rejected.map(({ filter }) => filter);
}
