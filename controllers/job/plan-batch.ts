/**
 * A batch: every index 0 … completions-1 has to succeed once. Decides which attempts to start and to
 * end, and whether the whole is over.
 *
 * Invariants: an index that succeeded never runs again; at most `parallelism` live tasks; succeeded tasks
 * and the last failed attempt of each index stay until the job goes (their logs are what people want).
 */
import { wantedTasks } from '../../api/kinds/job-state.ts';
import type { Job } from '../../api/kinds/resources.ts';
import { endAll, remove, removeLost } from './deletions.ts';
import { parseRanges } from './index-ranges.ts';
import { type Action, type DeleteTask, earlier, type Outcome, type Plan } from './plan.ts';
import {
  dueRetries,
  emptySlot,
  failuresOf,
  nextAttempt,
  type RetryPolicy,
  type Slot,
  slotsOf,
} from './slots.ts';
import type { TaskFacts } from './task-facts.ts';

const retryPolicy: RetryPolicy = { freeFailures: 0 };

/** Where a batch stands: read by its status too. */
export interface BatchProgress {
  completed: Set<number>;
  /** Failed attempts, over all indexes. */
  failures: number;
}

export function batchProgress(job: Job, facts: readonly TaskFacts[]): BatchProgress {
  const completed = parseRanges(job.status.completedIndexes ?? '', wantedTasks(job));
  for (const { succeeded, index } of facts) if (succeeded) completed.add(index);
  let failures = 0;
  for (const slot of slotsOf(facts).values()) failures += failuresOf(slot, retryPolicy);
  return { completed, failures };
}

export function planBatch(job: Job, facts: readonly TaskFacts[], nowMs: number): Plan {
  const progress = batchProgress(job, facts);
  const deadlineMs = deadlineOf(job);
  const outcome = outcomeOf(job, progress, { deadlineMs, nowMs });
  if (outcome) return { actions: endAll(facts, 'JobFinished'), outcome };
  const slots = slotsOf(facts);
  const deletions = [...removeLost(facts), ...leftovers(slots, progress)];
  const running = runningSlots(slots, progress);
  const parallelism = job.spec.parallelism ?? wantedTasks(job);
  deletions.push(
    ...running.slice(parallelism).flatMap(({ live }) => live.map((fact) => remove(fact, 'ScaledDown'))),
  );
  const starts = startable(job, slots, progress);
  const { due, wakeAtMs } = dueRetries(
    starts.map((slot) => nextAttempt(slot, retryPolicy, nowMs)),
    nowMs,
  );
  const room = Math.max(0, parallelism - running.length);
  const actions: Action[] = [...deletions, ...due.slice(0, room)];
  const nextMs = earlier(wakeAtMs, deadlineMs);
  return { actions, ...(nextMs === undefined ? {} : { wakeAtMs: nextMs }) };
}

function outcomeOf(
  job: Job,
  { completed, failures }: BatchProgress,
  { deadlineMs, nowMs }: { deadlineMs: number | undefined; nowMs: number },
): Outcome | undefined {
  const { backoffLimit = 6, activeDeadlineSeconds } = job.spec;
  if (completed.size >= wantedTasks(job)) {
    return { type: 'Complete', reason: 'CompletionsReached', message: 'Every index succeeded.' };
  }
  if (failures > backoffLimit) {
    const message = `${failures} attempts failed; the limit is ${backoffLimit}.`;
    return { type: 'Failed', reason: 'BackoffLimitExceeded', message };
  }
  if (deadlineMs !== undefined && deadlineMs <= nowMs) {
    const message = `Active for longer than ${activeDeadlineSeconds} seconds.`;
    return { type: 'Failed', reason: 'DeadlineExceeded', message };
  }
  return undefined;
}

function deadlineOf({ spec, status }: Job): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || status.startTime === undefined) return undefined;
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000;
}

/** Live tasks that are not needed (any more), and failed attempts before the last failed one. */
function leftovers(slots: ReadonlyMap<number, Slot>, { completed }: BatchProgress): DeleteTask[] {
  const deletions: DeleteTask[] = [];
  for (const { index, live, tasks } of slots.values()) {
    const unneeded = completed.has(index) ? live : live.slice(1);
    deletions.push(...unneeded.map((fact) => remove(fact, 'Duplicate')));
    const failed = tasks.filter((fact) => fact.failed).sort((left, right) => right.attempt - left.attempt);
    deletions.push(...failed.slice(1).map((fact) => remove(fact, 'Superseded')));
  }
  return deletions;
}

/** Slots with a task at work, those first that are to stay when there are too many. */
function runningSlots(slots: ReadonlyMap<number, Slot>, { completed }: BatchProgress): Slot[] {
  const started = ({ live }: Slot): number =>
    Number(live.some(({ task }) => task.status.phase === 'Running'));
  return [...slots.values()]
    .filter(({ index, live }) => live.length > 0 && !completed.has(index))
    .sort((left, right) => started(right) - started(left) || left.index - right.index);
}

function startable(job: Job, slots: ReadonlyMap<number, Slot>, { completed }: BatchProgress): Slot[] {
  const startable: Slot[] = [];
  for (let index = 0; index < wantedTasks(job); index++) {
    const slot = slots.get(index) ?? emptySlot(index);
    if (!completed.has(index) && slot.live.length === 0) startable.push(slot);
  }
  return startable;
}
