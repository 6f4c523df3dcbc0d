/**
 * What the agent knows of one task, and keeps on disk: enough to go on after a crash, and to run and
 * restart the task while no control plane can be reached.
 *
 * Invariant: a container's id is in the record, on disk, before the container exists. What the runtime
 * has and no record names is nobody's and is removed.
 */
import type { Task } from '../../api/kinds/resources.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import type { Health } from '../probes/decide-probe.ts';
import type { UserRange } from '../runtime/runtime.ts';

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
  | {
      state: 'running';
      cid: string;
      pid: number;
      startedAtMs: number;
      imageID?: string;
      /** What it has been given; another than its spec's while a resize is on its way. */
      resources?: Container['resources'];
      /** Why a resize has not been done yet. */
      resizeProblem?: string;
      /** What its probes have found out; absent without probes. */
      health?: Health;
      /** Set when this container alone is to end, and be restarted if its policy says so. */
      stop?: ContainerStop;
      /** Its postStart hook is not done yet. */
      isBeginning?: boolean;
      /** Its preStop hook is done. */
      isPrepared?: boolean;
      /** TERM was sent; when the grace is over, KILL. */
      signalled?: boolean;
    }
  /** Over, for good. */
  | { state: 'ended'; termination: Termination };

export interface ContainerRecord {
  name: string;
  /** Absent: a main container. A sidecar is an init container that stays, an ephemeral one was added later. */
  role?: 'init' | 'sidecar' | 'ephemeral';
  life: ContainerLife;
  /** Containers made so far; the number of the next one. Logs are named by it. */
  starts: number;
  restartCount: number;
  /** Ends in a row without a good run, and refusals to start in a row: what the two back-offs grow with. */
  failures: number;
  refusals: number;
  last?: Termination;
  /** `vendor.com/class=name`: devices it has been given. */
  devices?: string[];
  /** `2-3`: cores that are its alone. */
  cpus?: string;
}

export interface Stop {
  sinceMs: number;
  graceSeconds: number;
}

export interface ContainerStop extends Stop {
  /** Why, for people: it goes into the container's termination. */
  message: string;
}

/** The node ends the task; `message` says why, for people. */
export interface Eviction {
  reason: 'Evicted' | 'NodeShutdown';
  message: string;
  /** It took more than it may. */
  isOwnFault?: true;
}

export interface TaskRecord {
  uid: string;
  /** The object as last seen. */
  task: Task;
  startedAtMs: number;
  /** Its own, when it has a network of its own. */
  address?: string;
  containers: ContainerRecord[];
  /** The node's user ids that its own users are; it keeps them for all its containers and volumes. */
  userRange?: UserRange;
  /** Set once the task is to end, by deletion or because it vanished. */
  stop?: Stop;
  /** Ended, or never begun, because the node ran out of something or shuts down. */
  eviction?: Eviction;
  /** May run at most once, and the control plane has confirmed that it may run here. */
  isClaimed?: boolean;
  /** Ended because the lease of the node ran out; why, for people. */
  fenced?: string;
  /** Everything but this record and the logs is gone. */
  cleaned?: boolean;
}

export function newRecord(task: Task, nowMs: number): TaskRecord {
  return {
    uid: task.metadata.uid ?? '',
    task,
    startedAtMs: nowMs,
    containers: newContainers(task),
  };
}

/** Init containers first, in their order. */
function newContainers({ spec }: Task): ContainerRecord[] {
  const inits = spec.initContainers ?? [];
  const reason = inits.length > 0 ? 'TaskInitializing' : 'ContainerCreating';
  return [
    ...inits.map(({ name, restartPolicy }): ContainerRecord => {
      const role = restartPolicy === 'Always' ? 'sidecar' : 'init';
      return { name, role, life: { state: 'waiting', reason, retryAtMs: 0 }, ...fresh };
    }),
    ...spec.containers.map(
      ({ name }): ContainerRecord => ({ name, life: { state: 'waiting', reason, retryAtMs: 0 }, ...fresh }),
    ),
    ...newEphemeral(spec, []),
  ];
}

const fresh = { starts: 0, restartCount: 0, failures: 0, refusals: 0 };

function newEphemeral(
  { ephemeralContainers = [] }: Task['spec'],
  known: readonly string[],
): ContainerRecord[] {
  const added = ephemeralContainers.filter(({ name }) => !known.includes(name));
  return added.map(({ name }) => ({
    ...{ name, role: 'ephemeral', ...fresh },
    life: { state: 'waiting', reason: 'ContainerCreating', retryAtMs: 0 },
  }));
}

/** Takes on the containers that were added to the task. */
export function addEphemeral(record: TaskRecord): void {
  const known = record.containers.map(({ name }) => name);
  if (!record.stop) record.containers.push(...newEphemeral(record.task.spec, known));
}

/** Unique for ever: the task's uid, the container's place in the task, and how often it was started. */
export function containerId(record: TaskRecord, container: ContainerRecord): string {
  const uid = record.uid.replaceAll('-', '').slice(0, 16).toLowerCase();
  return `${uid}-${record.containers.indexOf(container)}-${container.starts}`;
}

export function containerSpec({ task }: Pick<TaskRecord, 'task'>, { name }: ContainerRecord): Container {
  const { initContainers = [], containers, ephemeralContainers = [] } = task.spec;
  const all: Container[] = [...initContainers, ...containers, ...ephemeralContainers];
  const found = all.find((container) => container.name === name);
  if (!found) throw new Error(`task ${task.metadata.name} has no container ${name}`);
  return found;
}

/** Throws ApiError NotFound. */
export function containerRecordOf({ task, containers }: TaskRecord, name: string): ContainerRecord {
  const container = containers.find((each) => each.name === name);
  if (container) return container;
  throw new ApiError('NotFound', `task ${task.metadata.name} has no container ${name}`);
}

export function killTimeMs({ sinceMs, graceSeconds }: Stop): number {
  return sinceMs + graceSeconds * 1000;
}

export function isReady({ life }: ContainerRecord): boolean {
  return life.state === 'running' && !life.isBeginning && (life.health?.ready ?? true);
}

export function liveCid({ life }: ContainerRecord): string | undefined {
  return life.state === 'starting' || life.state === 'running' ? life.cid : undefined;
}

export function isOver(record: TaskRecord): boolean {
  return record.containers.every(({ life }) => life.state === 'ended');
}
