/**
 * The job controller's decision: job and tasks in, actions and status out. Pure and synchronous; all
 * that is ever decided about a job is decided here.
 *
 *   job is going, or over ──▶ end what still lives; delete the job after its TTL
 *   suspended             ──▶ end what lives
 *   Service               ──▶ plan-service.ts
 *   Batch                 ──▶ plan-batch.ts
 */
import { isFinished } from '../../api/kinds/job-state.ts';
import type { Job, Task } from '../../api/kinds/resources.ts';
import { highestAttempt, withoutCopies } from './at-most-once.ts';
import { endAll } from './deletions.ts';
import { earlier, type JobDecision, type Plan } from './plan.ts';
import { planBatch } from './plan-batch.ts';
import { planService } from './plan-service.ts';
import { statusOf } from './status.ts';
import { factsOf, type TaskFacts } from './task-facts.ts';

/** `tasks`: every task with the job's name label, those of an earlier job of the same name included. */
export function decideJob(job: Job, tasks: readonly Task[], nowMs: number): JobDecision {
  // The garbage collector ends the tasks of a job that goes; making new ones would hold it up.
  if (job.metadata.deletionTimestamp !== undefined) return { actions: [], status: job.status };
  const facts = factsOf(job, tasks, nowMs);
  const plan = planOf(job, facts, nowMs);
  const { outcome } = plan;
  const status = statusOf({ job, facts, nowMs, ...(outcome === undefined ? {} : { outcome }) });
  const actions = withoutCopies(job, plan.actions, facts);
  const highest = highestAttempt(job, actions, facts);
  const wakeAtMs = facts.reduce((first, { changesAtMs }) => earlier(first, changesAtMs), plan.wakeAtMs);
  return {
    actions,
    status: highest === undefined ? status : { ...status, highestAttempt: highest },
    ...(wakeAtMs === undefined ? {} : { requeueAfterMs: Math.max(0, wakeAtMs - nowMs) }),
  };
}

function planOf(job: Job, facts: readonly TaskFacts[], nowMs: number): Plan {
  if (isFinished(job)) return planFinished(job, facts, nowMs);
  if (job.spec.suspend) return { actions: endAll(facts, 'Suspended') };
  return job.spec.type === 'Service' ? planService(job, facts, nowMs) : planBatch(job, facts, nowMs);
}

function planFinished({ spec, status }: Job, facts: readonly TaskFacts[], nowMs: number): Plan {
  const actions = endAll(facts, 'JobFinished');
  if (spec.ttlSecondsAfterFinished === undefined || status.completionTime === undefined) return { actions };
  const expiresAtMs = Date.parse(status.completionTime) + spec.ttlSecondsAfterFinished * 1000;
  if (expiresAtMs > nowMs) return { actions, wakeAtMs: expiresAtMs };
  return { actions: [...actions, { type: 'deleteJob' }] };
}
