/**
 * `gantry plan`: what a manifest's jobs would become. The API server fills in and checks every job and one
 * task of each (dry runs: nothing is stored), the scheduler's core places the tasks on a fork of the cell.
 *
 * What is planned is the end of the change: tasks of an older template are gone, the others stay where they are.
 */
import { jobNameLabel, taskIndexLabel, templateHashLabel } from '../api/kinds/job-labels.ts';
import { wantedTasks } from '../api/kinds/job-state.ts';
import { Job, Namespace, Node, PriorityClass, Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { hasReason } from '../api/meta/api-error.ts';
import { type AnyObject, keyOf } from '../api/meta/object-meta.ts';
import type { Output } from '../cli/output.ts';
import { formatTable } from '../cli/table.ts';
import type { Client, Draft } from '../client/client.ts';
import { taskName } from '../controllers/job/plan.ts';
import { taskDraft, templateHash } from '../controllers/job/task-template.ts';
import { ForkedCell } from '../scheduler/what-if/forked-cell.ts';
import { type PlannedTask, planTasks } from '../scheduler/what-if/plan-tasks.ts';

export interface PlanOptions {
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
export async function plan({ client, objects, json }: PlanOptions, output: Output): Promise<number> {
  const [nodes, tasks, namespaces] = await Promise.all([
    client.list(Node),
    client.list(Task),
    client.list(Namespace),
  ]);
  const changes = await jobChanges(client, objects, tasks.items);
  const created = changes.flatMap((change) => change.created);
  const ended = new Set(changes.flatMap((change) => change.ended));
  const left = tasks.items.filter((task) => !ended.has(task));
  const waiting = left.filter(
    ({ metadata, spec, status }) =>
      spec.nodeName === undefined && !isTerminal(status.phase) && !metadata.deletionTimestamp,
  );
  const isNew = new Set(created);
  const planned = planTasks(new ForkedCell(nodes.items, left, { namespaces: namespaces.items }), [
    ...waiting,
    ...created,
  ]);
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
  const groups = new Map<string, { job: string; count: number; node: string; why: string }>();
  for (const one of planned) {
    const job = `job/${one.task.spec.job}`;
    const why = one.node === undefined ? one.explanation.message : '';
    const key = `${one.task.metadata.namespace}/${job}/${one.node ?? ''}/${why}`;
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { job, count: 1, node: one.node ?? '<none>', why });
  }
  const rows = [...groups.values()].map(({ job, count, node, why }) => [job, `${count}`, node, why]);
  const placed = planned.filter(({ node }) => node !== undefined).length;
  const summary = [
    planned.length === 0 ? 'no new tasks' : `${placed} of ${planned.length} new tasks would be placed`,
    ...(placed < planned.length ? [`${planned.length - placed} would stay pending`] : []),
    ...(kept > 0 ? [`${kept} stay as they are`] : []),
    ...(ended > 0 ? [`${ended} would end`] : []),
  ];
  const table = rows.length > 0 ? `${formatTable([['JOB', 'TASKS', 'NODE', 'WHY'], ...rows])}\n` : '';
  return `${table}${summary.join(', ')}\n`;
}

function asJson(planned: readonly PlannedTask[], unchanged: Unchanged): string {
  const tasks = planned.map((one) => ({
    task: keyOf(one.task),
    node: one.node ?? null,
    ...(one.node === undefined ? { explanation: one.explanation } : {}),
  }));
  return `${JSON.stringify({ tasks, ...unchanged }, null, 4)}\n`;
}
