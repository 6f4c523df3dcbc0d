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

/** How many of its tasks may be taken away by choice, and how many it wants at once; undefined: it sets no limit. */
export function disruptionBudget(job: {
  spec: BudgetSpec;
  status: { succeeded?: number };
}): { wanted: number; maxUnavailable: number } | undefined {
  const { disruption, parallelism, suspend } = job.spec;
  if (!disruption || suspend) return undefined;
  const left = wantedTasks(job) - (job.spec.type === 'Batch' ? (job.status.succeeded ?? 0) : 0);
  const wanted = Math.min(left, parallelism ?? left);
  return { wanted, maxUnavailable: resolveCount(disruption.maxUnavailable, wanted, 'down') };
}
