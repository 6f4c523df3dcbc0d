/** What a decision about a job consists of: the vocabulary between `decideJob` and `act`. */
import type { Job, Task } from '../../api/kinds/resources.ts';

/** Why a task is deleted. One CamelCase word, also used in events. */
export type DeleteReason =
  | 'Lost'
  | 'ScaledDown'
  | 'Outdated'
  | 'Superseded'
  | 'Duplicate'
  | 'Suspended'
  | 'JobFinished';

export interface CreateTask {
  type: 'create';
  index: number;
  attempt: number;
  /** How many attempts of this index failed before this one; the task carries the number on. */
  failures: number;
}

export interface DeleteTask {
  type: 'delete';
  task: Task;
  reason: DeleteReason;
}

/** The job outlived its ttlSecondsAfterFinished. */
export interface DeleteJob {
  type: 'deleteJob';
}

export type Action = CreateTask | DeleteTask | DeleteJob;

/** How a batch ended. */
export interface Outcome {
  type: 'Complete' | 'Failed';
  reason: 'CompletionsReached' | 'BackoffLimitExceeded' | 'DeadlineExceeded';
  message: string;
}

/** What one of the deciders (service, batch) wants done. */
export interface Plan {
  actions: Action[];
  /** When, on the wall clock, to look again although nothing happened. */
  wakeAtMs?: number;
  outcome?: Outcome;
}

export interface JobDecision {
  /** In the order they are to be done: deletions first. */
  actions: Action[];
  status: Job['status'];
  /** When to decide again although nothing happened; absent: not before something happens. */
  requeueAfterMs?: number;
}

export function taskName(job: Job, index: number, attempt: number): string {
  return `${job.metadata.name}-${index}-${attempt}`;
}

/** The earlier of two moments, either of which may be absent. */
export function earlier(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return Math.min(left, right);
}
