/**
 * How a PodDisruptionBudget stands, as policy/v1 counts: for the API server, which keeps it, and the controller,
 * which shows it. Pure; loads no schema.
 */
import { matchesLabels, requirementsOf } from '../meta/label-selector.ts';
import { resolveCount } from '../meta/percent.ts';
import { wantedAtOnce } from './job-state.ts';
import type { Job, PodDisruptionBudget, Task } from './resources.ts';
import { isServing, isTerminal } from './task-phase.ts';

export interface PodBudgetCounts {
  currentHealthy: number;
  desiredHealthy: number;
  expectedPods: number;
  disruptionsAllowed: number;
}

/** Whether the budget covers tasks of these labels; without a selector it covers none. */
export function coversLabels(
  { spec: { selector } }: PodDisruptionBudget,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return selector !== undefined && matchesLabels(requirementsOf(selector), labels);
}

/**
 * `tasks` are those the budget covers. Undefined when it counts from how many there should be (all but a plain
 * minAvailable do), and there are tasks of which nobody says that.
 */
export function podBudgetCounts(
  { spec: { minAvailable, maxUnavailable } }: PodDisruptionBudget,
  tasks: readonly Task[],
  jobOf: (task: Task) => Job | undefined,
): PodBudgetCounts | undefined {
  const living = tasks.filter(({ status }) => !isTerminal(status.phase));
  const currentHealthy = living.filter(isServing).length;
  const expectedPods = typeof minAvailable === 'number' ? living.length : expectedOf(living, jobOf);
  if (expectedPods === undefined) return undefined;
  const desiredHealthy = Math.max(
    0,
    minAvailable === undefined
      ? expectedPods - resolveCount(maxUnavailable ?? 0, expectedPods, 'up')
      : resolveCount(minAvailable, expectedPods, 'up'),
  );
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  return { currentHealthy, desiredHealthy, expectedPods, disruptionsAllowed };
}

function expectedOf(tasks: readonly Task[], jobOf: (task: Task) => Job | undefined): number | undefined {
  const jobs = new Map<string, number>();
  for (const task of tasks) {
    const job = jobOf(task);
    if (!job) return undefined;
    jobs.set(job.metadata.name, wantedAtOnce(job));
  }
  return [...jobs.values()].reduce((sum, wanted) => sum + wanted, 0);
}
