/** Plain facts of a job, for clients that do not load its schema. */
import { type Condition, isConditionTrue } from '../meta/conditions.ts';

interface WantedCounts {
  type: 'Service' | 'Batch';
  replicas?: number;
  completions?: number;
}

/** How many tasks the job wants to exist when all goes well. */
export function wantedTasks({ spec }: { spec: WantedCounts }): number {
  return spec.type === 'Service' ? (spec.replicas ?? 1) : (spec.completions ?? 1);
}

/** Complete or Failed: nothing of it will run again. */
export function isFinished({ status }: { status: { conditions?: Condition[] } }): boolean {
  return isConditionTrue(status.conditions, 'Complete') || isConditionTrue(status.conditions, 'Failed');
}
