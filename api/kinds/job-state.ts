/** Plain facts of a job, for clients that do not load its schema. */
import { type Condition, isConditionTrue } from '../meta/conditions.ts';
import { resolveCount } from '../meta/percent.ts';

interface WantedCounts {
  type: 'Service' | 'Batch';
  replicas?: number;
  completions?: number;
}

interface BudgetSpec extends WantedCounts {
  parallelism?: number;
  suspend?: boolean;
  disruption?: { maxUnavailable: number | string };
}

/** How many tasks the job wants to exist when all goes well. */
export function wantedTasks({ spec }: { spec: WantedCounts }): number {
  return spec.type === 'Service' ? (spec.replicas ?? 1) : (spec.completions ?? 1);
}

/** Complete or Failed: nothing of it will run again. */
export function isFinished({ status }: { status: { conditions?: Condition[] } }): boolean {
  return isConditionTrue(status.conditions, 'Complete') || isConditionTrue(status.conditions, 'Failed');
}

/** How many of its tasks should run at the same time, now. */
export function wantedAtOnce(job: { spec: BudgetSpec; status: { succeeded?: number } }): number {
  const { parallelism, suspend, type } = job.spec;
  if (suspend) return 0;
  const left = wantedTasks(job) - (type === 'Batch' ? (job.status.succeeded ?? 0) : 0);
  return Math.min(left, parallelism ?? left);
}

/** How many of its tasks may be taken away by choice, and how many it wants at once; undefined: it sets no limit. */
export function disruptionBudget(job: {
  spec: BudgetSpec;
  status: { succeeded?: number };
}): { wanted: number; maxUnavailable: number } | undefined {
  const { disruption, suspend } = job.spec;
  if (!disruption || suspend) return undefined;
  const wanted = wantedAtOnce(job);
  return { wanted, maxUnavailable: resolveCount(disruption.maxUnavailable, wanted, 'down') };
}
