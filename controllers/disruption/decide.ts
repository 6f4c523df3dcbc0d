/** The status of a PodDisruptionBudget: how it stands, by the tasks it covers and their jobs. Pure. */
import { podBudgetCounts } from '../../api/kinds/pod-budget-counts.ts';
import type { Job, PodDisruptionBudget, Task } from '../../api/kinds/resources.ts';
import { type Condition, withCondition } from '../../api/meta/conditions.ts';

type Status = PodDisruptionBudget['status'];

/** `tasks` are those it covers. */
export function decideStatus(
  budget: PodDisruptionBudget,
  { tasks, jobOf, nowMs }: { tasks: readonly Task[]; jobOf: (task: Task) => Job | undefined; nowMs: number },
): Status {
  const { status, metadata } = budget;
  const counts = podBudgetCounts(budget, tasks, jobOf);
  const { generation } = metadata;
  return {
    ...status,
    ...(counts ?? { disruptionsAllowed: 0 }),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: withCondition(status.conditions, conditionOf(counts, generation), nowMs),
  };
}

function conditionOf(
  counts: { disruptionsAllowed: number } | undefined,
  observedGeneration: number | undefined,
): Omit<Condition, 'lastTransitionTime'> {
  const type = 'DisruptionAllowed';
  const observed = observedGeneration === undefined ? {} : { observedGeneration };
  if (!counts) {
    const message = 'some of the tasks belong to no job that says how many there should be';
    return { type, status: 'False', reason: 'SyncFailed', message, ...observed };
  }
  const isAllowed = counts.disruptionsAllowed > 0;
  const reason = isAllowed ? 'SufficientPods' : 'InsufficientPods';
  return { type, status: isAllowed ? 'True' : 'False', reason, message: '', ...observed };
}
