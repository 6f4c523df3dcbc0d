/**
 * What runPolicy AtMostOnce adds to a job's plan (contract R4). Pure.
 *
 * Invariants: no attempt is made beside one of its index that may run; attempt numbers of an index only grow,
 * though its tasks are long gone: they are fencing tokens. The highest is in the status before a task has it.
 */
import type { Job } from '../../api/kinds/resources.ts';
import type { Action } from './plan.ts';
import type { TaskFacts } from './task-facts.ts';

/**
 * A lost task counts until it is marked deleted, so that an agent that is heard again in the same moment finds it
 * gone, or makes the deletion fail.
 */
export function withoutCopies(job: Job, actions: readonly Action[], facts: readonly TaskFacts[]): Action[] {
  if (job.spec.runPolicy !== 'AtMostOnce') return [...actions];
  const taken = new Set(facts.filter(({ mayRun }) => mayRun).map(({ index }) => index));
  const lowest = (job.status.highestAttempt ?? -1) + 1;
  return actions.flatMap((action) => {
    if (action.type !== 'create') return action;
    return taken.has(action.index) ? [] : { ...action, attempt: Math.max(lowest, action.attempt) };
  });
}

/** For the status; undefined while there was no attempt, and with another policy. */
export function highestAttempt(
  job: Job,
  actions: readonly Action[],
  facts: readonly TaskFacts[],
): number | undefined {
  if (job.spec.runPolicy !== 'AtMostOnce') return undefined;
  const creations = actions.filter((action) => action.type === 'create');
  const highest = [...facts, ...creations].reduce(
    (most, { attempt }) => Math.max(most, attempt),
    job.status.highestAttempt ?? -1,
  );
  return highest < 0 ? undefined : highest;
}
