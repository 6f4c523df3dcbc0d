/**
 * The disruption controller: says in the status of every PodDisruptionBudget how it stands. Whether a task may go is
 * not read from there but counted anew by whoever evicts: this status is for people.
 */
import { isDeepStrictEqual } from 'node:util';
import { wantedAtOnce } from '../../api/kinds/job-state.ts';
import { coversLabels } from '../../api/kinds/pod-budget-counts.ts';
import { Job, PodDisruptionBudget, Task } from '../../api/kinds/resources.ts';
import { isServing, isTerminal } from '../../api/kinds/task-phase.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { keyOf } from '../../api/meta/object-meta.ts';
import { type Caches, controller, type Predicate, type ReconcileContext } from '../../client/controller.ts';
import { decideStatus } from './decide.ts';

const whenFactsChange: Predicate<Task> = (change) =>
  change.type !== 'updated' || !isDeepStrictEqual(factsOf(change.old), factsOf(change.object));

const whenWantedChanges: Predicate<Job> = (change) =>
  change.type !== 'updated' || wantedAtOnce(change.old) !== wantedAtOnce(change.object);

export const disruptionController = controller(PodDisruptionBudget)
  .watches(Task, budgetsOver, whenFactsChange)
  .watches(Job, budgetsOfNamespace, whenWantedChanges)
  .options({ name: 'disruption' })
  .reconcile(reconcileBudget);

/** What of a task budgets count. */
function factsOf(task: Task): unknown {
  return [task.metadata.labels, isServing(task), isTerminal(task.status.phase)];
}

function budgetsOver(task: Task, caches: Caches): string[] {
  const budgets = caches.cache(PodDisruptionBudget).list(task.metadata.namespace);
  return budgets.filter((budget) => coversLabels(budget, task.metadata.labels)).map(keyOf);
}

function budgetsOfNamespace({ metadata: { namespace } }: Job, caches: Caches): string[] {
  return caches.cache(PodDisruptionBudget).list(namespace).map(keyOf);
}

async function reconcileBudget(
  budget: PodDisruptionBudget,
  { cache, client, clock }: Pick<ReconcileContext, 'cache' | 'client' | 'clock'>,
): Promise<undefined> {
  const { namespace } = budget.metadata;
  const tasks = cache(Task)
    .list(namespace)
    .filter(({ metadata }) => coversLabels(budget, metadata.labels));
  const jobOf = ({ spec }: Task): Job | undefined => cache(Job).get(`${namespace}/${spec.job}`);
  const status = decideStatus(budget, { tasks, jobOf, nowMs: clock.now() });
  if (isDeepStrictEqual(status, budget.status)) return;
  try {
    await client.updateStatus(PodDisruptionBudget, { ...budget, status });
  } catch (error) {
    // The event of what was there brings the budget back.
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
  }
}
