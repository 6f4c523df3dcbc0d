/**
 * What the agent knows of one task, and keeps on disk: enough to go on after a crash, and to run and
 * restart the task while no control plane can be reached.
 *
 * Invariant: a container's id is in the record, on disk, before the container exists. What the runtime
 * has and no record names is nobody's and is removed.
 */
import type { Task } from '../../api/kinds/resources.ts';

/** How a container ended. */
export interface Termination {
  cid: string;
  exitCode: number;
  /** Completed, Error, OOMKilled, ContainerCannotRun, ContainerStatusUnknown. */
  reason: string;
  message?: string;
  startedAtMs?: number;
  finishedAtMs: number;
}

export type ContainerLife =
  /** Not running now; to be started at `retryAtMs` (0: at once). */
  | { state: 'waiting'; reason: string; message?: string; retryAtMs: number }
  /** Between the decision to start it and its first instruction. */
  | { state: 'starting'; cid: string }
  | { state: 'running'; cid: string; pid: number; startedAtMs: number; imageID?: string }
  /** Over, for good. */
  | { state: 'ended'; termination: Termination };

export interface ContainerRecord {
  name: string;
  life: ContainerLife;
  /** Containers made so far; the number of the next one. Logs are named by it. */
  starts: number;
  restartCount: number;
  /** Ends in a row without a good run, and refusals to start in a row: what the two back-offs grow with. */
  failures: number;
  refusals: number;
  last?: Termination;
}

export interface Stop {
  sinceMs: number;
  graceSeconds: number;
  /** TERM was sent; after `graceSeconds`, KILL. */
  signalled: boolean;
}

export interface TaskRecord {
  uid: string;
  /** The object as last seen. */
  task: Task;
  startedAtMs: number;
  containers: ContainerRecord[];
  /** Set once the task is to end, by deletion or because it vanished. */
  stop?: Stop;
  /** Everything but this record and the logs is gone. */
  cleaned?: boolean;
}

export function newRecord(task: Task, nowMs: number): TaskRecord {
  return {
    uid: task.metadata.uid ?? '',
    task,
    startedAtMs: nowMs,
    containers: task.spec.containers.map(({ name }) => ({
      name,
      life: { state: 'waiting', reason: 'ContainerCreating', retryAtMs: 0 },
      starts: 0,
      restartCount: 0,
      failures: 0,
      refusals: 0,
    })),
  };
}

/** Unique for ever: the task's uid, the container's place in the task, and how often it was started. */
export function containerId(record: TaskRecord, container: ContainerRecord): string {
  const uid = record.uid.replaceAll('-', '').slice(0, 16).toLowerCase();
  return `${uid}-${record.containers.indexOf(container)}-${container.starts}`;
}

export function liveCid({ life }: ContainerRecord): string | undefined {
  return life.state === 'starting' || life.state === 'running' ? life.cid : undefined;
}

export function isOver(record: TaskRecord): boolean {
  return record.containers.every(({ life }) => life.state === 'ended');
}
