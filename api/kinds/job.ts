/**
 * Job: Borg's job, one kind for services and batch. Its tasks are named `<job>-<index>-<attempt>`.
 *
 *   Service: keep `replicas` tasks alive; has no end.
 *   Batch:   run indexes 0 … completions-1 to success; ends Complete or Failed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError, labelValueError, qualifiedNameError } from '../meta/names.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { gangCauses, gangShape } from './gang.ts';
import { jobNameLabel } from './job-labels.ts';
import { isFinished, wantedTasks } from './job-state.ts';
import { names } from './names.ts';
import { runPolicyShape } from './run-policy.ts';
import {
  closedObject,
  conditionsShape,
  count,
  flag,
  intOrPercent,
  objectShape,
  oneOf,
  optional,
  stringMap,
  text,
  time,
  withDefault,
} from './shapes.ts';
import { defaultTemplateSpec, templateSpecShape, validateTemplateSpec } from './task-spec.ts';

export { jobNameLabel, taskIndexLabel, templateHashLabel } from './job-labels.ts';
export { isFinished, wantedTasks };

/** Tasks' names add `-<index>-<attempt>`, and must still be DNS labels. */
const maxJobNameLength = 47;

const updateShape = closedObject(
  {
    maxUnavailable: withDefault(
      intOrPercent('How many tasks (or which share, rounded down) may be down during an update.'),
      1,
    ),
    maxSurge: withDefault(
      intOrPercent(
        'How many tasks (or which share, rounded up) may run beside the wanted ones during an update.',
      ),
      0,
    ),
    minReadySeconds: withDefault(count('How long a new task must be ready before it counts.'), 0),
  },
  { description: 'How tasks are replaced when the template changes.' },
);

const disruptionShape = closedObject(
  {
    maxUnavailable: withDefault(
      intOrPercent('How many tasks (or which share, rounded down) may be away by choice: evicted, drained.'),
      1,
    ),
  },
  {
    description:
      'What the job bears of voluntary disruption. Preemption goes against it only as the last resort.',
  },
);

const disconnectShape = closedObject(
  {
    lostAfterSeconds: withDefault(
      count('How long a task on an unreachable node is waited for before it is replaced.'),
      60,
    ),
  },
  { description: 'What happens to tasks on a node that cannot be heard.' },
);

const templateShape = closedObject(
  {
    metadata: withDefault(
      closedObject({
        labels: optional(stringMap('Labels of every task.')),
        annotations: optional(stringMap('Annotations of every task.')),
      }),
      {},
    ),
    spec: templateSpecShape,
  },
  { description: 'What every task of the job looks like.' },
);

const jobSpecShape = closedObject(
  {
    type: withDefault(
      oneOf(['Service', 'Batch'], 'Service keeps replicas alive, Batch runs completions to success.'),
      'Batch',
    ),
    replicas: optional(count('Service: how many tasks to keep alive. Default 1.', { maximum: 100_000 })),
    completions: optional(count('Batch: how many indexes must succeed. Default 1.', { maximum: 100_000 })),
    parallelism: optional(
      count('Batch: how many tasks may run at once. Default: all of them.', { maximum: 100_000 }),
    ),
    backoffLimit: optional(
      count(
        'Batch: how many failed attempts, over all indexes, before the job fails. Default 6. What is preempted, drained, evicted for want of room or lost with its node counts for nothing.',
      ),
    ),
    activeDeadlineSeconds: optional(
      count('Batch: seconds the job may be active before it is ended as failed.', { minimum: 1 }),
    ),
    ttlSecondsAfterFinished: optional(count('Batch: seconds a finished job is kept.')),
    suspend: optional(flag('No tasks while true; running ones are stopped.')),
    priorityClassName: optional(text('PriorityClass of its tasks; the template may say otherwise.')),
    gang: optional(gangShape),
    disruption: optional(disruptionShape),
    update: withDefault(updateShape, {}),
    disconnect: withDefault(disconnectShape, {}),
    runPolicy: withDefault(runPolicyShape, 'AtLeastOnce'),
    template: templateShape,
  },
  { description: 'What is wanted.' },
);

const jobStatusShape = closedObject(
  {
    phase: optional(
      oneOf(['Pending', 'Running', 'Updating', 'Suspended', 'Complete', 'Failed'], 'One word for all of it.'),
    ),
    observedGeneration: optional(count('The generation this status was derived from.')),
    replicas: optional(count('Tasks that exist and are not over.')),
    readyReplicas: optional(count('Tasks whose containers all run.')),
    updatedReplicas: optional(count('Tasks made from the current template.')),
    pending: optional(count('Tasks waiting for a node or starting.')),
    running: optional(count('Tasks running.')),
    succeeded: optional(count('Indexes that succeeded.')),
    failed: optional(count('Attempts that failed.')),
    completedIndexes: optional(text('Batch: indexes that succeeded, as ranges such as 0-3,7.')),
    highestAttempt: optional(
      count('With runPolicy AtMostOnce: the highest attempt any of its tasks has had, or is about to have.'),
    ),
    unknown: optional(count('Tasks whose node cannot be heard.')),
    startTime: optional(time('When the first task was made.')),
    completionTime: optional(time('When the job ended.')),
    selector: optional(text('Label selector of its tasks.')),
    templateHash: optional(text('Hash of the current template.')),
    conditions: optional(conditionsShape),
  },
  { description: 'What is, as the job controller last saw it.' },
);

const jobShape = objectShape(
  names.Job,
  { spec: jobSpecShape, status: withDefault(jobStatusShape, {}) },
  'A set of equal tasks: a service to keep alive, or a batch to run to success.',
);

export type Job = Static<typeof jobShape>;
export type JobSpec = Static<typeof jobSpecShape>;
export type JobStatus = Static<typeof jobStatusShape>;

export const jobKind = defineKind<Job>({
  ...names.Job,
  description: 'A set of equal tasks: a service to keep alive, or a batch to run to success.',
  schema: jobShape,
  statusSubresource: true,
  scale: {
    specReplicas: ({ spec }) =>
      spec.type === 'Service' ? (spec.replicas ?? 1) : (spec.parallelism ?? spec.completions ?? 1),
    statusReplicas: ({ status }) => status.replicas ?? 0,
    selector: ({ metadata }) => `${jobNameLabel}=${metadata.name}`,
    withReplicas: (job, replicas) => ({
      ...job,
      spec: { ...job.spec, ...(job.spec.type === 'Service' ? { replicas } : { parallelism: replicas }) },
    }),
  },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the job.',
      cell: ({ metadata }) => metadata.name,
    },
    { name: 'Type', type: 'string', description: 'Service or Batch.', cell: ({ spec }) => spec.type },
    {
      name: 'Ready',
      type: 'string',
      description: 'Ready tasks of a service, succeeded indexes of a batch; of all.',
      cell: (job) =>
        `${job.spec.type === 'Service' ? (job.status.readyReplicas ?? 0) : (job.status.succeeded ?? 0)}/${wantedTasks(job)}`,
    },
    {
      name: 'Status',
      type: 'string',
      description: 'One word for all of it.',
      cell: ({ metadata, status }) =>
        metadata.deletionTimestamp ? 'Terminating' : (status.phase ?? 'Pending'),
    },
    ageColumn,
    {
      name: 'Up-to-date',
      type: 'integer',
      priority: 1,
      description: 'Tasks of the current template.',
      cell: ({ status }) => status.updatedReplicas ?? 0,
    },
    {
      name: 'Failed',
      type: 'integer',
      priority: 1,
      description: 'Failed attempts.',
      cell: ({ status }) => status.failed ?? 0,
    },
    {
      name: 'Images',
      type: 'string',
      priority: 1,
      description: 'Images of its containers.',
      cell: ({ spec }) => spec.template.spec.containers.map(({ image }) => image ?? '<host>').join(','),
    },
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      description: 'Label selector of its tasks.',
      cell: ({ metadata }) => `${jobNameLabel}=${metadata.name}`,
    },
  ],
  strategy: {
    nameError: (name) => dnsLabelError(name, maxJobNameLength),
    applyDefaults: defaultJob,
    validate: validateJob,
  },
});

function defaultJob({ spec }: Job): void {
  if (spec.type === 'Service') spec.replicas ??= 1;
  else {
    spec.completions ??= 1;
    spec.backoffLimit ??= 6;
  }
  spec.template.spec.restartPolicy ??= spec.type === 'Service' ? 'Always' : 'Never';
  defaultTemplateSpec(spec.template.spec);
}

const serviceOnly = ['replicas'] as const;
const batchOnly = [
  'completions',
  'parallelism',
  'backoffLimit',
  'activeDeadlineSeconds',
  'ttlSecondsAfterFinished',
] as const;

function validateJob(job: Job, old?: Job): Cause[] {
  return [
    ...typeCauses(job),
    ...updateCauses(job),
    ...labelCauses(job),
    ...gangSizeCauses(job),
    ...(old ? changeCauses(job, old) : []),
    ...validateTemplateSpec(job.spec.template.spec, 'spec.template.spec'),
  ];
}

function typeCauses({ spec }: Job): Cause[] {
  const isService = spec.type === 'Service';
  const causes: Cause[] = (isService ? batchOnly : serviceOnly)
    .filter((field) => spec[field as keyof typeof spec] !== undefined)
    .map((field) => ({ field: `spec.${field}`, message: `has no meaning in a ${spec.type} job` }));
  if (isService !== (spec.template.spec.restartPolicy === 'Always')) {
    causes.push({
      field: 'spec.template.spec.restartPolicy',
      message: isService
        ? 'must be Always in a Service job'
        : 'must be Never or OnFailure in a Batch job: its tasks end',
      reason: 'FieldValueNotSupported',
    });
  }
  return causes;
}

function updateCauses({ spec: { update, runPolicy } }: Job): Cause[] {
  const causes: Cause[] = [];
  if (isZero(update.maxUnavailable) && isZero(update.maxSurge)) {
    causes.push({
      field: 'spec.update',
      message: 'maxUnavailable and maxSurge must not both be 0: no update could ever go on',
    });
  }
  if (runPolicy === 'AtMostOnce' && !isZero(update.maxSurge)) {
    causes.push({
      field: 'spec.update.maxSurge',
      message: 'must be 0 with runPolicy AtMostOnce: an index never has two tasks at work',
    });
  }
  return causes;
}

function labelCauses({ spec }: Job): Cause[] {
  return Object.entries(spec.template.metadata.labels ?? {}).flatMap(([key, value]): Cause[] => {
    const problem =
      qualifiedNameError(key) ??
      labelValueError(value) ??
      (key.startsWith('gantry.dev/') ? 'is set by Gantry' : undefined);
    return problem ? [{ field: `spec.template.metadata.labels[${key}]`, message: problem }] : [];
  });
}

function gangSizeCauses(job: Job): Cause[] {
  const { gang, suspend, parallelism } = job.spec;
  const wanted = wantedTasks(job);
  return suspend || wanted === 0 ? [] : gangCauses(gang, Math.min(wanted, parallelism ?? wanted));
}

/** What a job is, is fixed; and a batch is one run of one template, so what it consists of is fixed as well. */
function changeCauses({ spec }: Job, { spec: old }: Job): Cause[] {
  const causes: Cause[] = [];
  const forbid = (field: string, message: string): void => {
    causes.push({ field, message, reason: 'FieldValueForbidden' });
  };
  if (!isDeepStrictEqual(old.gang, spec.gang)) forbid('spec.gang', 'cannot be changed: make a new job');
  if ((old.runPolicy === 'AtMostOnce') !== (spec.runPolicy === 'AtMostOnce'))
    forbid('spec.runPolicy', 'cannot be changed: make a new job');
  if (old.type !== spec.type) forbid('spec.type', 'cannot be changed');
  if (spec.type !== 'Batch') return causes;
  const ofBatch = 'cannot be changed in a Batch job: make a new job';
  if (spec.completions !== old.completions) forbid('spec.completions', ofBatch);
  if (!isDeepStrictEqual(spec.template, old.template)) forbid('spec.template', ofBatch);
  return causes;
}

function isZero(value: number | string): boolean {
  return value === 0 || value === '0%';
}
