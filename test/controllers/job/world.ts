/**
 * A world of one job: the tasks that exist, what nodes do to them, and a controller that carries out
 * decisions one write at a time and can be killed between two. Deletion follows the API: a bound task
 * that is not over only gets its deletionTimestamp; anything else goes at once.
 */
import type { Job, Task } from '../../../api/kinds/resources.ts';
import { disconnectedCondition, disruptionCondition, isTerminal } from '../../../api/kinds/task-phase.ts';
import { withCondition } from '../../../api/meta/conditions.ts';
import { timestamp } from '../../../api/meta/object-meta.ts';
import { decideJob } from '../../../controllers/job/decide.ts';
import { type Action, type JobDecision, taskName } from '../../../controllers/job/plan.ts';
import { taskDraft } from '../../../controllers/job/task-template.ts';

export type Snapshot = ReadonlyMap<string, Task>;

const startMs = Date.UTC(2030, 0, 1);

export function newJob(spec: Partial<Job['spec']> & { type: 'Service' | 'Batch' }, name = 'web'): Job {
  const sizes = spec.type === 'Service' ? { replicas: 1 } : { completions: 1, backoffLimit: 6 };
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1, resourceVersion: '1' },
    spec: {
      ...sizes,
      update: { maxUnavailable: 1, maxSurge: 0, minReadySeconds: 0 },
      disconnect: { lostAfterSeconds: 60 },
      template: templateOf('v1'),
      ...spec,
    } as Job['spec'],
    status: {},
  };
}

export class World {
  job: Job;
  nowMs = startMs;
  /** Replaced, never changed, by every write: an old map is an old view. */
  tasks: Snapshot = new Map();
  /** Writes that changed something, in order, as a person would say them. */
  readonly journal: string[] = [];
  #uids = 0;

  constructor(job: Job) {
    this.job = job;
  }

  decide(view: Snapshot = this.tasks): JobDecision {
    return decideJob(this.job, [...view.values()], this.nowMs);
  }

  /** What reconcile.ts does: a cached view says whether to act, the live one what to do. `writes`: killed after so many. */
  reconcile({ view = this.tasks, writes = Number.POSITIVE_INFINITY } = {}): Action[] {
    if (this.decide(view).actions.length === 0) {
      if (writes > 0) this.job = { ...this.job, status: this.decide(view).status };
      return [];
    }
    const { actions, status } = this.decide();
    const { highestAttempt } = status;
    if (highestAttempt !== undefined && writes > 0)
      this.job = { ...this.job, status: { ...this.job.status, highestAttempt } };
    for (const action of actions.slice(0, writes)) this.write(action);
    if (writes > actions.length) this.job = { ...this.job, status };
    return actions;
  }

  write(action: Action): void {
    if (action.type === 'deleteJob') this.#deleteJob();
    else if (action.type === 'create') this.#create(action);
    else this.delete(action.task.metadata.name, action.reason);
  }

  #deleteJob(): void {
    this.journal.push('delete the job');
    this.job = { ...this.job, metadata: { ...this.job.metadata, deletionTimestamp: timestamp(this.nowMs) } };
  }

  #create(action: Extract<Action, { type: 'create' }>): void {
    const name = taskName(this.job, action.index, action.attempt);
    // The API says AlreadyExists.
    if (this.tasks.has(name)) return;
    const draft = taskDraft(this.job, action);
    const task = {
      apiVersion: 'gantry.dev/v1',
      kind: 'Task',
      ...draft,
      metadata: { ...draft.metadata, uid: `uid-${++this.#uids}`, creationTimestamp: timestamp(this.nowMs) },
      status: { phase: 'Pending' },
    } as Task;
    this.put(task);
    this.journal.push(`create ${name}${action.failures > 0 ? ` (failures ${action.failures})` : ''}`);
  }

  delete(name: string, reason = 'by hand'): void {
    const task = this.tasks.get(name);
    if (!task || task.metadata.deletionTimestamp) return;
    this.journal.push(`delete ${name} (${reason})`);
    if (task.spec.nodeName === undefined || isTerminal(task.status.phase)) this.vanish(name);
    else this.put({ ...task, metadata: { ...task.metadata, deletionTimestamp: timestamp(this.nowMs) } });
  }

  vanish(name: string): void {
    const tasks = new Map(this.tasks);
    tasks.delete(name);
    this.tasks = tasks;
  }

  put(task: Task): void {
    this.tasks = new Map(this.tasks).set(task.metadata.name, task);
  }

  /** The node agent, or the node lifecycle controller, reports a phase. Impossible reports are dropped, as the API does. */
  report(
    name: string,
    phase: Task['status']['phase'],
    { ready = phase === 'Running', disrupted = false } = {},
  ): void {
    const task = this.tasks.get(name);
    if (!task || isTerminal(task.status.phase)) return;
    const unknown = phase === 'Unknown';
    let conditions = withCondition(
      task.status.conditions,
      { type: 'Ready', status: unknown ? 'Unknown' : ready ? 'True' : 'False' },
      this.nowMs,
    ).filter(({ type }) => unknown || type !== disconnectedCondition);
    if (unknown)
      conditions = withCondition(conditions, { type: disconnectedCondition, status: 'True' }, this.nowMs);
    if (disrupted)
      conditions = withCondition(conditions, { type: disruptionCondition, status: 'True' }, this.nowMs);
    this.put({
      ...task,
      spec: { ...task.spec, nodeName: task.spec.nodeName ?? 'n1' },
      status: {
        ...task.status,
        phase,
        conditions,
        startTime: task.status.startTime ?? timestamp(this.nowMs),
        ...(isTerminal(phase) ? { finishTime: timestamp(this.nowMs) } : {}),
      },
    });
  }

  /** Changes the spec, as an apply does. */
  apply(change: (spec: Job['spec']) => Job['spec']): void {
    const { metadata, spec } = this.job;
    this.job = {
      ...this.job,
      metadata: { ...metadata, generation: (metadata.generation ?? 0) + 1 },
      spec: change(spec),
    };
  }

  get live(): Task[] {
    return [...this.tasks.values()].filter(
      ({ metadata, status }) => !metadata.deletionTimestamp && !isTerminal(status.phase),
    );
  }
}

/** A template that differs from every other `version`. */
export function templateOf(version: string): Job['spec']['template'] {
  const containers = [{ name: 'main', resources: {} }];
  return {
    metadata: { labels: { version } },
    spec: { containers, terminationGracePeriodSeconds: 30, schedulerName: 'default-scheduler' },
  } as unknown as Job['spec']['template'];
}
