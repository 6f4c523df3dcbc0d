/**
 * A job's status, derived anew each time from its tasks and from what must not be forgotten of the old
 * status (times, completed indexes, the outcome).
 *
 * Invariant: same job, tasks and plan, same status; so a second reconcile writes nothing.
 */
import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import { isFinished, wantedTasks } from '../../api/kinds/job-state.ts';
import type { Job } from '../../api/kinds/resources.ts';
import {
  type Condition,
  isConditionTrue,
  type NewCondition,
  withCondition,
} from '../../api/meta/conditions.ts';
import { timestamp } from '../../api/meta/object-meta.ts';
import { formatRanges } from './index-ranges.ts';
import type { Outcome } from './plan.ts';
import { batchProgress } from './plan-batch.ts';
import { updateLimits } from './plan-service.ts';
import type { TaskFacts } from './task-facts.ts';
import { templateHash } from './task-template.ts';

type JobStatus = Job['status'];

export interface StatusInput {
  job: Job;
  facts: readonly TaskFacts[];
  outcome?: Outcome;
  nowMs: number;
}

export function statusOf(input: StatusInput): JobStatus {
  const { job, facts, outcome, nowMs } = input;
  const counts = countTasks(job, facts);
  const conditions = conditionsOf(input, counts);
  const completionTime = job.status.completionTime ?? (outcome ? timestamp(nowMs) : undefined);
  const startTime = isSuspended(job) ? undefined : (job.status.startTime ?? timestamp(nowMs));
  return {
    phase: phaseOf(job, conditions, counts),
    ...(job.metadata.generation === undefined ? {} : { observedGeneration: job.metadata.generation }),
    ...counts,
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    selector: `${jobNameLabel}=${job.metadata.name}`,
    templateHash: templateHash(job),
    conditions,
  };
}

/** A job that is over is not suspended, whatever its spec says. */
function isSuspended(job: Job): boolean {
  return job.spec.suspend === true && !isFinished(job);
}

type Counts = ReturnType<typeof countTasks>;

function countTasks(job: Job, facts: readonly TaskFacts[]) {
  const own = facts.filter((fact) => fact.own);
  const current = own.filter(({ going, over }) => !going && !over);
  const inPhase = (phase: string): number => current.filter(({ task }) => task.status.phase === phase).length;
  const counts = {
    replicas: current.length,
    readyReplicas: current.filter(({ ready }) => ready).length,
    updatedReplicas: current.filter(({ updated }) => updated).length,
    pending: inPhase('Pending'),
    running: inPhase('Running'),
    unknown: inPhase('Unknown'),
  };
  if (job.spec.type === 'Service') {
    return {
      ...counts,
      succeeded: own.filter(({ succeeded }) => succeeded).length,
      failed: own.filter(({ failed }) => failed).length,
    };
  }
  const { completed, failures } = batchProgress(job, facts);
  const completedIndexes = formatRanges(completed);
  return { ...counts, succeeded: completed.size, failed: failures, completedIndexes };
}

function phaseOf(job: Job, conditions: readonly Condition[], counts: Counts): JobStatus['phase'] {
  if (isConditionTrue(conditions, 'Failed')) return 'Failed';
  if (isConditionTrue(conditions, 'Complete')) return 'Complete';
  if (job.spec.suspend) return 'Suspended';
  if (job.spec.type === 'Batch') return counts.running + counts.succeeded > 0 ? 'Running' : 'Pending';
  if (counts.updatedReplicas < counts.replicas) return 'Updating';
  return counts.readyReplicas > 0 || wantedTasks(job) === 0 ? 'Running' : 'Pending';
}

function conditionsOf({ job, facts, outcome, nowMs }: StatusInput, counts: Counts): Condition[] {
  let conditions: Condition[] = job.status.conditions ?? [];
  const set = (condition: NewCondition): void => {
    conditions = withCondition(conditions, condition, nowMs);
  };
  if (outcome && !isFinished(job)) {
    set({ type: outcome.type, status: 'True', reason: outcome.reason, message: outcome.message });
  }
  if (isSuspended(job))
    set({ type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'The job is suspended.' });
  else if (isConditionTrue(conditions, 'Suspended'))
    set({ type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'The job goes on.' });
  if (job.spec.type === 'Service') {
    set(availableCondition(job, facts));
    set(progressingCondition(job, facts, counts));
  }
  return conditions;
}

function availableCondition(job: Job, facts: readonly TaskFacts[]): NewCondition {
  const wanted = wantedTasks(job);
  const available = availableIndexes(job, facts);
  const enough = available >= wanted - updateLimits(job, wanted).maxUnavailable;
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumTasksAvailable' : 'MinimumTasksUnavailable',
    message: `${available} of ${wanted} tasks are available.`,
  };
}

function progressingCondition(job: Job, facts: readonly TaskFacts[], counts: Counts): NewCondition {
  const wanted = wantedTasks(job);
  const settled =
    counts.replicas === wanted &&
    counts.updatedReplicas === wanted &&
    availableIndexes(job, facts) === wanted;
  return settled
    ? {
        type: 'Progressing',
        status: 'True',
        reason: 'NewTasksAvailable',
        message: 'All tasks are up to date.',
      }
    : {
        type: 'Progressing',
        status: 'True',
        reason: 'TasksUpdating',
        message: `${counts.updatedReplicas} of ${wanted} tasks are of the current template.`,
      };
}

function availableIndexes(job: Job, facts: readonly TaskFacts[]): number {
  const wanted = wantedTasks(job);
  return new Set(
    facts.filter(({ available, index }) => available && index < wanted).map(({ index }) => index),
  ).size;
}
