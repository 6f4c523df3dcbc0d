/**
 * `gantry plan`: what a manifest's jobs would become. The API server fills in and checks every job and one
 * task of each (dry runs: nothing is stored), the scheduler's core places the tasks on a fork of the cell.
 *
 * What is planned is the end of the change: tasks of an older template are gone, the others stay where they are.
 */
import { jobNameLabel, taskIndexLabel, templateHashLabel } from '../api/kinds/job-labels.ts';
import { wantedTasks } from '../api/kinds/job-state.ts';
import { Job, PriorityClass, Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { hasReason } from '../api/meta/api-error.ts';
import type { AnyObject } from '../api/meta/object-meta.ts';
import type { Output } from '../cli/output.ts';
import type { Client, Draft } from '../client/client.ts';
import { taskName } from '../controllers/job/plan.ts';
import { taskDraft, templateHash } from '../controllers/job/task-template.ts';
import type { ProfileFlags } from '../scheduler/profile-choice.ts';
import { type PlannedTask, planTasks } from '../scheduler/what-if/plan-tasks.ts';
import { readLiveCell, waitingTasks } from './live-cell.ts';
import { plannedAsData, planTable, troubles } from './plan-view.ts';

export interface PlanOptions extends ProfileFlags {
  client: Client;
  /** Of manifests, with their namespaces. */
  objects: readonly AnyObject[];
  json: boolean;
}

/** What a job's manifest would change. */
interface JobChange {
  created: Task[];
  /** Tasks of an older template, and of indexes that are no longer wanted. */
  ended: Task[];
  /** How many stay as they are. */
  kept: number;
}

export const exitCodePending = 2;

/** Gives exit code 2 when a task of the manifest would stay pending. */
export async function plan(options: PlanOptions, output: Output): Promise<number> {
  const { client, objects, json } = options;
  const cell = await readLiveCell(client, options);
  const changes = await jobChanges(client, objects, cell.tasks);
  const created = changes.flatMap((change) => change.created);
  const ended = new Set(changes.flatMap((change) => change.ended));
  const left = cell.tasks.filter((task) => !ended.has(task));
  const isNew = new Set(created);
  const planned = planTasks({ ...cell, tasks: left }, [...waitingTasks(left), ...created]);
  const ours = planned.filter(({ task }) => isNew.has(task));
  const kept = changes.reduce((sum, change) => sum + change.kept, 0);
  output.out(json ? asJson(ours, { kept, ended: ended.size }) : planText(ours, { kept, ended: ended.size }));
  return ours.some(({ node }) => node === undefined) ? exitCodePending : 0;
}

async function jobChanges(
  client: Client,
  objects: readonly AnyObject[],
  tasks: readonly Task[],
): Promise<JobChange[]> {
  const classes = new Map(
    objects
      .filter(({ kind }) => kind === PriorityClass.kind)
      .map((object) => [object.metadata.name, (object as unknown as PriorityClass).value]),
  );
  const changes: JobChange[] = [];
  for (const object of objects) {
    if (object.kind === Job.kind && object.apiVersion === Job.apiVersion)
      changes.push(await jobChange(client, { object: object as unknown as Job, classes, tasks }));
  }
  return changes;
}

interface Asked {
  object: Job;
  /** Priority classes of the same manifest, by name: the server may not have them yet. */
  classes: ReadonlyMap<string, number>;
  tasks: readonly Task[];
}

async function jobChange(client: Client, { object, classes, tasks }: Asked): Promise<JobChange> {
  const { draft, priority } = withoutNewClass(object, classes);
  const job = await dryRun(client, draft);
  const mine = tasks.filter(
    ({ metadata }) =>
      metadata.namespace === job.metadata.namespace && metadata.labels?.[jobNameLabel] === job.metadata.name,
  );
  const wanted = job.spec.suspend ? 0 : wantedTasks(job);
  const hash = templateHash(job);
  const isCurrent = ({ metadata, status }: Task): boolean =>
    indexOf({ metadata }) < wanted &&
    (status.phase === 'Succeeded' ||
      (!isTerminal(status.phase) && metadata.labels?.[templateHashLabel] === hash));
  const current = mine.filter(isCurrent);
  const ended = mine.filter((task) => !isTerminal(task.status.phase) && !isCurrent(task));
  const done = new Set(current.map(indexOf));
  const missing = Array.from({ length: wanted }, (_, index) => index).filter((index) => !done.has(index));
  const running = current.filter(({ status }) => !isTerminal(status.phase)).length;
  const room = (job.spec.type === 'Batch' ? (job.spec.parallelism ?? wanted) : wanted) - running;
  const created = await tasksOf(client, job, { indexes: missing.slice(0, Math.max(0, room)), mine });
  for (const task of created) task.spec.priority = priority ?? task.spec.priority;
  return { created, ended, kept: running };
}

function indexOf({ metadata }: Pick<Task, 'metadata'>): number {
  return Number(metadata.labels?.[taskIndexLabel]);
}

function withoutNewClass(
  object: Job,
  classes: ReadonlyMap<string, number>,
): { draft: Job; priority?: number } {
  const name = object.spec?.template?.spec?.priorityClassName ?? object.spec?.priorityClassName;
  const priority = name === undefined ? undefined : classes.get(name);
  if (priority === undefined) return { draft: object };
  const { priorityClassName: _job, ...spec } = object.spec;
  const { priorityClassName: _template, ...templateSpec } = spec.template.spec;
  return {
    draft: { ...object, spec: { ...spec, template: { ...spec.template, spec: templateSpec } } },
    priority,
  };
}

/** The job as the server would store it. */
async function dryRun(client: Client, draft: Job): Promise<Job> {
  const { name, namespace = '' } = draft.metadata;
  try {
    return await client.create(Job, draft as Draft<Job>, { dryRun: true });
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const body = { metadata: draft.metadata, spec: draft.spec };
    return client.patch(Job, { name, namespace }, { type: 'merge', body }, { dryRun: true });
  }
}

/** One is made by the server (dry run), for its defaults and priority; the others differ in index and name. */
async function tasksOf(
  client: Client,
  job: Job,
  { indexes, mine }: { indexes: readonly number[]; mine: readonly Task[] },
): Promise<Task[]> {
  const [first] = indexes;
  if (first === undefined) return [];
  const attemptOf = (index: number): number =>
    Math.max(-1, ...mine.filter((task) => indexOf(task) === index).map(({ spec }) => spec.attempt ?? 0)) + 1;
  const draft = taskDraft(job, { type: 'create', index: first, attempt: attemptOf(first), failures: 0 });
  const model = await client.create(Task, draft, { dryRun: true });
  return indexes.map((index) => {
    const name = taskName(job, index, attemptOf(index));
    const uid = `plan/${job.metadata.namespace}/${name}`;
    return { ...model, metadata: { ...model.metadata, name, uid }, spec: { ...model.spec, index } };
  });
}

interface Unchanged {
  kept: number;
  ended: number;
}

function planText(planned: readonly PlannedTask[], { kept, ended }: Unchanged): string {
  const placed = planned.filter(({ node }) => node !== undefined).length;
  const summary = [
    planned.length === 0 ? 'no new tasks' : `${placed} of ${planned.length} new tasks would be placed`,
    ...troubles(planned),
    ...(kept > 0 ? [`${kept} stay as they are`] : []),
    ...(ended > 0 ? [`${ended} would end`] : []),
  ];
  return `${planTable(planned)}${summary.join(', ')}\n`;
}

function asJson(planned: readonly PlannedTask[], unchanged: Unchanged): string {
  return `${JSON.stringify({ tasks: plannedAsData(planned), ...unchanged }, null, 4)}\n`;
}
