/**
 * The disruption budgets of jobs, kept by whoever evicts through this server: a voluntary disruption happens only
 * while no more than `spec.disruption.maxUnavailable` of the job's tasks are away. Evictions of one job take
 * turns, each counting on what the ones before have left. (Two servers do not take turns with each other.)
 */
import { disruptionBudget } from '../kinds/job-state.ts';
import { names } from '../kinds/names.ts';
import type { Job, Task } from '../kinds/resources.ts';
import { isServing } from '../kinds/task-phase.ts';
import { ApiError } from '../meta/api-error.ts';
import { splitKey } from '../meta/object-meta.ts';
import type { Backend } from './call.ts';

const retryAfterSeconds = 10;

/** Runs `act`, which ends the task of that key. Throws ApiError TooManyRequests when its job cannot spare it. */
export function withinBudget<T>(backend: Backend, key: string, act: () => Promise<T>): Promise<T> {
  const task = taskAt(backend, key);
  const { namespace = '' } = splitKey(key);
  if (task?.spec.job === undefined) return act();
  const jobKey = `${namespace}/${task.spec.job}`;
  return backend.disruptions.take(jobKey, async () => {
    await backend.cache.waitUntilCurrent();
    const refusal = budgetRefusal(backend, { key, jobKey });
    if (refusal) throw refusal;
    return act();
  });
}

function budgetRefusal(
  { cache, kinds }: Backend,
  { key, jobKey }: { key: string; jobKey: string },
): ApiError | undefined {
  const job = cache.kind(names.Job).get(jobKey)?.parse() as Job | undefined;
  const budget = job && disruptionBudget(job);
  const kind = kinds.byPlural(names.Task.group, names.Task.version, names.Task.plural)?.kind;
  if (!budget || !kind) return undefined;
  const { namespace = '', name } = splitKey(jobKey);
  const serving = new Set<string>();
  for (const object of cache.kind(names.Task).list({ namespace })) {
    if (object.field(kind, 'spec.job') !== name) continue;
    if (isServing(object.parse() as unknown as Task)) serving.add(object.key);
  }
  // What is away already cannot be taken away.
  if (!serving.has(key)) return undefined;
  const away = Math.max(0, budget.wanted - serving.size);
  if (away < budget.maxUnavailable) return undefined;
  const counts = `${serving.size} of ${budget.wanted} tasks serve, and ${budget.maxUnavailable} may be away`;
  return new ApiError(
    'TooManyRequests',
    `Cannot evict ${splitKey(key).name} as it would violate the disruption budget of job ${name}: ${counts}`,
    {
      name,
      group: names.Job.group,
      kind: names.Job.plural,
      retryAfterSeconds,
      causes: [{ field: 'spec.disruption.maxUnavailable', message: counts, reason: 'DisruptionBudget' }],
    },
  );
}

function taskAt({ cache }: Backend, key: string): Task | undefined {
  return cache.kind(names.Task).get(key)?.parse() as Task | undefined;
}
