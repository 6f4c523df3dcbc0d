/**
 * PodDisruptionBudgets: whether they can spare tasks, as the watch cache has it. Told in the words of the Kubernetes
 * API server, which `kubectl drain` waits upon. The guard (disruption-guard.ts) makes the answer hold; it asks every
 * budget that covers a task, where Kubernetes takes only one.
 */
import { anyKind } from '../kinds/define-kind.ts';
import { names } from '../kinds/names.ts';
import { coversLabels, podBudgetCounts } from '../kinds/pod-budget-counts.ts';
import type { Job, PodDisruptionBudget, Task } from '../kinds/resources.ts';
import { taskKind } from '../kinds/task.ts';
import { isServing } from '../kinds/task-phase.ts';
import { ApiError } from '../meta/api-error.ts';
import { splitKey } from '../meta/object-meta.ts';
import type { Disruption, DisruptionBudget } from './disruption.ts';
import type { WatchCache } from './watch-cache.ts';

const selectableTask = anyKind(taskKind);

export function podBudgetsOver(cache: WatchCache, disruptions: readonly Disruption[]): DisruptionBudget[] {
  const namespaces = new Set(disruptions.map(({ key }) => splitKey(key).namespace ?? ''));
  return [...namespaces].flatMap((namespace) =>
    [...cache.kind(names.PodDisruptionBudget).list({ namespace })].flatMap((object): DisruptionBudget[] => {
      const budget = object.parse() as unknown as PodDisruptionBudget;
      const covered = disruptions.filter(
        ({ key }) =>
          splitKey(key).namespace === namespace &&
          coversLabels(budget, cache.kind(names.Task).get(key)?.labels(selectableTask)),
      );
      if (covered.length === 0) return [];
      const name = `${names.PodDisruptionBudget.plural}/${object.key}`;
      return [{ name, refusal: () => podRefusal(cache, object.key, covered) }];
    }),
  );
}

function podRefusal(
  cache: WatchCache,
  budgetKey: string,
  disruptions: readonly Disruption[],
): ApiError | undefined {
  const budget = cache.kind(names.PodDisruptionBudget).get(budgetKey)?.parse() as
    | PodDisruptionBudget
    | undefined;
  if (!budget) return undefined;
  const { namespace = '' } = splitKey(budgetKey);
  const tasks = [...cache.kind(names.Task).list({ namespace })]
    .filter((object) => coversLabels(budget, object.labels(selectableTask)))
    .map((object) => ({ key: object.key, task: object.parse() as unknown as Task }));
  const counts = podBudgetCounts(
    budget,
    tasks.map(({ task }) => task),
    ({ spec }) => cache.kind(names.Job).get(`${namespace}/${spec.job}`)?.parse() as Job | undefined,
  );
  const { currentHealthy = 0, desiredHealthy = 0, disruptionsAllowed = 0 } = counts ?? {};
  const keysOf = (members: typeof tasks): Set<string> => new Set(members.map(({ key }) => key));
  const serving = keysOf(tasks.filter(({ task }) => isServing(task)));
  const unready = keysOf(tasks.filter(({ task }) => isUnready(task)));
  const mayUnreadyGo =
    budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' ||
    (desiredHealthy > 0 && currentHealthy >= desiredHealthy);
  const counted = disruptions.filter(({ key }) => serving.has(key) || (unready.has(key) && !mayUnreadyGo));
  const isForced = counted.every(({ overrides }) => overrides);
  if (isForced || counted.length <= disruptionsAllowed) return undefined;
  const what = `The disruption budget ${budget.metadata.name}`;
  return tooMany(
    counts
      ? `${what} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
      : `${what} counts from how many pods there should be, and some of them belong to no job`,
  );
}

/** It runs, and is not ready: what Kubernetes calls an unhealthy Pod. Others may always go. */
function isUnready({ metadata, status }: Task): boolean {
  return (
    metadata.deletionTimestamp === undefined && status.phase === 'Running' && !isServing({ metadata, status })
  );
}

function tooMany(message: string): ApiError {
  return new ApiError(
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    { causes: [{ field: '', message, reason: 'DisruptionBudget' }] },
  );
}
