/**
 * From a job's template to one of its tasks. Everything in a task follows from (job, index, attempt,
 * failures), so that two controllers that decide the same make the same task under the same name.
 */
import { createHash } from 'node:crypto';
import {
  indexFailureCountAnnotation,
  jobNameLabel,
  taskIndexLabel,
  templateHashLabel,
} from '../../api/kinds/job-labels.ts';
import type { Job, Task } from '../../api/kinds/resources.ts';
import { ownerReference } from '../../api/meta/object-meta.ts';
import type { Draft } from '../../client/client.ts';
import { type CreateTask, taskName } from './plan.ts';

/** Ten hex digits that change when, and only when, tasks of this job would come out different. */
export function templateHash({ spec }: Job): string {
  const { metadata, spec: taskSpec } = spec.template;
  const priorityClassName = taskSpec.priorityClassName ?? spec.priorityClassName;
  const text = JSON.stringify(sorted({ metadata, spec: { ...taskSpec, priorityClassName } }));
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}

/** The same value with the keys of every object in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}

export function taskDraft(job: Job, { index, attempt, failures }: CreateTask): Draft<Task> {
  const { metadata: templateMetadata, spec: taskSpec } = job.spec.template;
  const priorityClassName = taskSpec.priorityClassName ?? job.spec.priorityClassName;
  const { namespace } = job.metadata;
  return {
    metadata: {
      name: taskName(job, index, attempt),
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...templateMetadata.labels,
        [jobNameLabel]: job.metadata.name,
        [taskIndexLabel]: String(index),
        [templateHashLabel]: templateHash(job),
      },
      annotations: {
        ...templateMetadata.annotations,
        ...(failures > 0 ? { [indexFailureCountAnnotation]: String(failures) } : {}),
      },
      ownerReferences: [ownerReference(job)],
    },
    spec: {
      ...taskSpec,
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      job: job.metadata.name,
      ...(job.spec.gang ? { gang: job.spec.gang } : {}),
      ...(job.spec.runPolicy === 'AtMostOnce' ? { runPolicy: job.spec.runPolicy } : {}),
      index,
      attempt,
    },
  };
}
