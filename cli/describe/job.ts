/** A job as an outline: what it wants, how far it is, its template and its tasks. */
import type { Job } from '../../api/kinds/job.ts';
import type { Task } from '../../api/kinds/task.ts';
import { age } from '../age.ts';
import { byName } from '../task-arrivals.ts';
import { conditionEntries } from './conditions.ts';
import { metadataEntries, valueEntries } from './generic.ts';
import { type Entry, line, moment, section } from './outline.ts';
import { amounts } from './task.ts';

/** More tasks than these are counted, not listed. */
const maxTasks = 50;

export function describeJob(job: Job, tasks: readonly Task[], nowMs: number): Entry[] {
  const { spec, status } = job;
  return [
    ...metadataEntries(job, nowMs),
    ...line('Type', spec.type),
    ...line('Phase', status.phase ?? 'Pending'),
    ...line('Suspended', spec.suspend ? 'yes' : undefined),
    ...line('Run policy', spec.runPolicy === 'AtMostOnce' ? spec.runPolicy : undefined),
    ...line('Priority class', spec.priorityClassName),
    ...(spec.type === 'Service' ? serviceEntries(job) : batchEntries(job, nowMs)),
    ...section('Template', templateEntries(job)),
    ...conditionEntries(status.conditions, nowMs),
    ...taskEntries(tasks, nowMs),
  ];
}

function serviceEntries({ spec, status }: Job): Entry[] {
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0, unknown = 0 } = status;
  return [
    ...line(
      'Replicas',
      `${spec.replicas ?? 1} wanted, ${replicas} there, ${readyReplicas} ready, ${updatedReplicas} up to date${unknown > 0 ? `, ${unknown} unheard of` : ''}`,
    ),
    ...line('Update', `at most ${spec.update.maxUnavailable} unavailable, ${spec.update.maxSurge} extra`),
  ];
}

function batchEntries({ spec, status }: Job, nowMs: number): Entry[] {
  const { pending = 0, running = 0, succeeded = 0, failed = 0 } = status;
  return [
    ...line('Completions', `${succeeded} of ${spec.completions ?? 1}`),
    ...line('Parallelism', spec.parallelism),
    ...line(
      'Tasks',
      `${pending} pending, ${running} running, ${failed} failed attempts of ${spec.backoffLimit ?? 6} allowed`,
    ),
    ...line(
      'Deadline',
      spec.activeDeadlineSeconds === undefined ? undefined : `${spec.activeDeadlineSeconds}s`,
    ),
    ...line('Started', moment(status.startTime, nowMs)),
    ...line('Ended', moment(status.completionTime, nowMs)),
  ];
}

function templateEntries({ spec: { template } }: Job): Entry[] {
  const { containers, ...rest } = template.spec;
  const containerEntries = containers.map(
    ({ name, image, command = [], args = [], resources, ports = [] }): Entry => ({
      key: name,
      entries: [
        ...line('Image', image ?? '<host>'),
        ...(command.length + args.length === 0 ? [] : line('Command', JSON.stringify([...command, ...args]))),
        ...(ports.length === 0
          ? []
          : line('Ports', ports.map(({ containerPort }) => containerPort).join(', '))),
        ...line('Requests', amounts(resources.requests)),
        ...line('Limits', amounts(resources.limits)),
      ],
    }),
  );
  return [...valueEntries(rest), ...section('Containers', containerEntries)];
}

function taskEntries(tasks: readonly Task[], nowMs: number): Entry[] {
  if (tasks.length === 0) return [{ key: 'Tasks', value: '<none>' }];
  const rows = [...tasks]
    .sort(byName)
    .slice(0, maxTasks)
    .map((task) => [
      task.metadata.name,
      task.metadata.deletionTimestamp ? 'Terminating' : task.status.phase,
      task.spec.nodeName ?? '<none>',
      age(task.metadata.creationTimestamp, nowMs),
      task.status.pending?.message ?? task.status.reason ?? '',
    ]);
  const more = tasks.length > maxTasks ? [[`… and ${tasks.length - maxTasks} more`]] : [];
  return [{ key: 'Tasks', rows: [['NAME', 'PHASE', 'NODE', 'AGE', 'REASON'], ...rows, ...more] }];
}
