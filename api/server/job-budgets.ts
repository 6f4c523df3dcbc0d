/**
 * The disruption budgets of jobs (`spec.disruption.maxUnavailable`): whether they can spare tasks, as the watch cache
 * has it. The guard (disruption-guard.ts) makes the answer hold.
 */
import { anyKind } from '../kinds/define-kind.ts';
import { disruptionBudget } from '../kinds/job-state.ts';
import { names } from '../kinds/names.ts';
import type { Job, Task } from '../kinds/resources.ts';
import { taskKind } from '../kinds/task.ts';
import { isServing } from '../kinds/task-phase.ts';
import { ApiError } from '../meta/api-error.ts';
import { splitKey } from '../meta/object-meta.ts';
import type { CachedObject } from './cached-object.ts';
import type { Disruption, DisruptionBudget } from './disruption.ts';
import type { WatchCache } from './watch-cache.ts';

const selectableTask = anyKind(taskKind);

export function jobBudgetsOver(cache: WatchCache, disruptions: readonly Disruption[]): DisruptionBudget[] {
  const ofJobs = new Map<string, Disruption[]>();
  for (const disruption of disruptions) {
    const job = jobOf(cache, disruption.key);
    if (job === undefined || !setsBudget(cache.kind(names.Job).get(job))) continue;
    ofJobs.set(job, [...(ofJobs.get(job) ?? []), disruption]);
  }
  return [...ofJobs].map(([job, members]) => ({
    name: `${names.Job.plural}/${job}`,
    refusal: () => jobRefusal(cache, job, members),
  }));
}

/** The key of the task's job. */
function jobOf(cache: WatchCache, key: string): string | undefined {
  const { namespace = '' } = splitKey(key);
  const job = cache.kind(names.Task).get(key)?.field(selectableTask, 'spec.job');
  return job === undefined ? undefined : `${namespace}/${job}`;
}

/** Shows at a glance of most jobs. */
function setsBudget(job: CachedObject | undefined): boolean {
  return job?.bytes.includes('"disruption"') ?? false;
}

function jobRefusal(
  cache: WatchCache,
  jobKey: string,
  disruptions: readonly Disruption[],
): ApiError | undefined {
  const job = cache.kind(names.Job).get(jobKey)?.parse() as Job | undefined;
  const budget = job && disruptionBudget(job);
  if (!budget) return undefined;
  const { namespace = '', name } = splitKey(jobKey);
  const serving = new Set<string>();
  for (const object of cache.kind(names.Task).list({ namespace })) {
    if (object.field(selectableTask, 'spec.job') !== name) continue;
    if (isServing(object.parse() as unknown as Task)) serving.add(object.key);
  }
  // What is away already cannot be taken away.
  const leaving = disruptions.filter(({ key }) => serving.has(key));
  const first = leaving.find(({ overrides }) => !overrides);
  const away = Math.max(0, budget.wanted - serving.size);
  if (!first || away + leaving.length <= budget.maxUnavailable) return undefined;
  const counts = `${serving.size} of ${budget.wanted} tasks serve, and ${budget.maxUnavailable} may be away`;
  return new ApiError(
    'TooManyRequests',
    `Cannot evict ${splitKey(first.key).name} as it would violate the disruption budget of job ${name}: ${counts}`,
    {
      name,
      group: names.Job.group,
      kind: names.Job.plural,
      causes: [{ field: 'spec.disruption.maxUnavailable', message: counts, reason: 'DisruptionBudget' }],
    },
  );
}
