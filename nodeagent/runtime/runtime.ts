/**
 * The contract of a runtime driver: the verbs the task runner speaks. `oci` (conmon and runc) and
 * `unconfined` (plain processes) pass one suite (test/e2e/nodeagent/drivers.test.ts).
 *
 * Invariant: a container outlives the agent, and its exit code can be read afterwards. Every verb but
 * `create` and `start` may be repeated. An id (cid) is never used twice.
 */
import type { ExecRequest } from '../../api/meta/stream-requests.ts';
import type { BoundedOutcome } from '../bounded-command.ts';
import type { ContainerEdits } from '../devices/cdi-spec.ts';
import type { ContainerSecurity } from '../task/container-security.ts';
import type { ContainerLimits } from '../task/limits.ts';
import type { Attachment, Command } from './command.ts';

/** Everything a driver must know to make one container. */
export interface ContainerSpec {
  /** Unique for ever, `^[a-z0-9][a-z0-9-]{0,62}$`. */
  cid: string;
  /** Cgroup of the task, below which the container gets its own. */
  cgroupPath: string;
  logPath: string;
  hostname: string;
  args: string[];
  /** `NAME=value`. */
  env: string[];
  workingDir: string;
  user: { uid: number; gid: number };
  root: ContainerRoot;
  readOnlyRoot: boolean;
  /** Path of a network namespace; absent: the node's. */
  networkNamespace?: string;
  /** Its standard streams are a terminal. */
  terminal?: boolean;
  /** Standard input is open, until the first writer is gone or for ever; absent: it is empty. */
  stdin?: 'once' | 'open';
  /** A process of the node: the container sees what that one sees of other processes. Absent: only its own. */
  processesOf?: number;
  /** What it may; absent: as a container that asks for nothing. */
  security?: ContainerSecurity;
  /** Absent: its users are the node's. */
  userRange?: UserRange;
  mounts: BindMount[];
  limits: ContainerLimits;
  /** What its devices need. */
  deviceEdits?: ContainerEdits[];
}

/** A file or directory of the node, owned by the agent, that the container sees at `destination`. */
export interface BindMount {
  source: string;
  destination: string;
  readOnly: boolean;
}

/** User and group ids 0 … 65535 of a container are `base` … on the node. */
export interface UserRange {
  base: number;
}

/** `host`: the machine's own /usr, read-only. `image`: an unpacked root file system, never written to. */
export type ContainerRoot = { from: 'host' } | { from: 'image'; rootfs: string; digest: string };

export type ContainerState =
  | { status: 'created' }
  | { status: 'running'; pid: number }
  | { status: 'exited'; exitCode: number; oomKilled: boolean; finishedAtMs: number }
  /** Nothing is known of it, and no process of it lives: never made, removed, or lost in a reboot. */
  | { status: 'absent' };

/** Why a container cannot be made or started; the task's, not the agent's, problem. */
export interface Refusal {
  /** One CamelCase word, as in a container's state. */
  reason: string;
  message: string;
  /** Trying again here is of no use: the task has failed. */
  isFinal?: boolean;
}

export const maxOutputBytes = 10 * 1024;

export type Signal = 'TERM' | 'KILL';

export type DriverName = 'oci' | 'cri' | 'unconfined';

export type AttachWish = Pick<ExecRequest, 'stdin' | 'tty'>;

export interface Runtime {
  readonly name: DriverName;
  /** How a log file is emptied: the supervisor opens a new one, or it is copied and cut. */
  readonly logRotation: 'reopen' | 'truncate';
  /** `runc://1.1.5`. */
  version(): Promise<string>;
  /** Prepares everything up to, not including, the first instruction of the task's process. */
  create(spec: ContainerSpec): Promise<Refusal | undefined>;
  /** Runs a created container; gives the pid of its first process. */
  start(cid: string): Promise<{ pid: number } | Refusal>;
  signal(cid: string, signal: Signal): Promise<void>;
  /** Changes the limits of a running container. Resolves with why that cannot be, when it cannot. */
  update(cid: string, limits: ContainerLimits): Promise<string | undefined>;
  /**
   * Runs a command inside a running container to its end, or kills it when `signal` aborts. Of its output the
   * first 10 KB are kept. Never throws.
   */
  run(cid: string, command: readonly string[], signal: AbortSignal): Promise<BoundedOutcome>;
  /** Ends what still lives of it and removes every trace but its log. */
  delete(cid: string): Promise<void>;
  state(cid: string): Promise<ContainerState>;
  /** Where the files are that a container writes into its root, for measuring them; perhaps a link, perhaps nothing. */
  filesOf(cid: string): string;
  /** Every container this driver has any trace of. */
  list(): Promise<string[]>;
  /** Starts a command inside a running container for somebody who is there. Throws ApiError when none can be run. */
  exec(cid: string, request: ExecRequest): Promise<Command>;
  /** Attaches to a running container; `stdin` only to one made with it, `tty` to those with a terminal. */
  attach(cid: string, wish: AttachWish): Promise<Attachment>;
  /** After its log was renamed: go on in a new file. */
  reopenLog(cid: string): Promise<void>;
  /** Calls `listener` soon after a container exits, perhaps more than once, perhaps for one long gone. */
  watchExits(listener: (cid: string) => void): Promise<void>;
  close(): Promise<void>;
}
