/**
 * Hooks: what must be in place before a container can be made, one file per concern. The runner calls
 * them in the order of `startHooks`; each adds its part to the plan of the container.
 *
 * Invariant: a hook may be killed at any point and run again; what it made, `cleanTask` or the driver removes.
 */
import type { Service } from '../../api/kinds/resources.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import type { Cgroups } from '../cgroup/cgroups.ts';
import type { CpuPool } from '../cpus/cpu-pool.ts';
import type { DevicePool } from '../devices/device-pool.ts';
import type { TaskResolution } from '../dns/resolv-conf.ts';
import type { Fence } from '../fence/fence.ts';
import type { ImageConfig } from '../images/image-config.ts';
import type { ImagePuller } from '../images/image-puller.ts';
import type { TaskNetworks } from '../network/task-networks.ts';
import type { ContainerRoot, ContainerSpec, Refusal } from '../runtime/runtime.ts';
import type { ContainerRecord, TaskRecord } from '../task/task-record.ts';
import type { ApiAccess } from '../volumes/api-access.ts';
import type { AllowedPath } from '../volumes/host-path.ts';
import type { TaskVolumes } from '../volumes/task-volumes.ts';
import { cgroupHook } from './cgroup.ts';
import { cpusHook } from './cpus.ts';
import { devicesHook } from './devices.ts';
import { environmentHook } from './environment.ts';
import { fenceHook } from './fence.ts';
import { imageHook } from './image.ts';
import { limitsHook } from './limits.ts';
import { logHook } from './logs.ts';
import { hostNameOf, namesHook } from './names.ts';
import { networkHook } from './network.ts';
import { portsHook } from './ports.ts';
import { processHook } from './process.ts';
import { terminationHook } from './termination.ts';
import { usersHook } from './users.ts';
import { volumesHook } from './volumes.ts';

/** What hooks know of the node. */
export interface NodeFacts {
  name: string;
  address: string;
  memoryBytes: number;
  logDirectory: string;
  imageDirectory: string;
  /** Files of tasks, one directory each. */
  volumeDirectory: string;
  /** Volumes of claims, one directory each; absent: there are none. */
  claimDirectory?: string;
  /** Files of the node that tasks may mount; none by default. */
  allowedHostPaths?: readonly AllowedPath[];
  /** Who answers the cluster's names; absent: nobody here. */
  resolution?: TaskResolution;
  /** For tasks that want a network of their own; absent: they cannot have one here. */
  networks?: TaskNetworks;
  /** Services whose addresses tasks of the namespace find in their environment. */
  linkedServices?: (namespace: string) => readonly Service[];
  /** Devices it hands out; absent where it has none. */
  devices?: Pick<DevicePool, 'assign'>;
  /** How tasks reach the API as their service accounts; absent: they cannot. */
  apiAccess?: ApiAccess;
  /** Cores for tasks that want some for themselves; absent: all share all. */
  cpus?: Pick<CpuPool, 'assign'>;
  /** Parent of the tasks' groups. */
  cgroupParent: string;
  /** Whether tasks can have users of their own, or why not; absent: they have none. */
  userNamespaces?: { problem?: string };
  /** Absent with the unconfined driver. */
  cgroups?: Cgroups;
  /** For tasks that may run at most once; absent: they cannot run here. */
  fence?: Fence;
}

/** One start of one container, growing from hook to hook. */
export interface Start {
  readonly node: NodeFacts;
  readonly record: TaskRecord;
  readonly container: Container;
  readonly containerRecord: ContainerRecord;
  readonly cid: string;
  readonly volumes: TaskVolumes;
  readonly images: Pick<ImagePuller, 'ensure'>;
  /** Of the tasks of this node. */
  readonly takenUserBases: () => ReadonlySet<number>;
  /** What is under way for it has come to an end: try again. */
  readonly wake: () => void;
  readonly nowMs: () => number;
  readonly onEvent: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
  root: ContainerRoot;
  /** Empty without an image. */
  imageConfig: ImageConfig;
  imageID?: string;
  spec: Partial<ContainerSpec>;
}

/** Why a container cannot be started now. */
export interface Postponement extends Refusal {
  /** The hook's own time to be asked again, when it has told what there is to tell; else a back-off decides. */
  retryAtMs?: number;
}

/** Resolves with why the container cannot be started now; the runner tries again later. */
export type StartHook = (start: Start) => Promise<Postponement | undefined>;

/** Cheap refusals first; the group last, so that a refused start leaves nothing behind. */
export const startHooks: readonly StartHook[] = [
  portsHook,
  devicesHook,
  imageHook,
  processHook,
  networkHook,
  usersHook,
  environmentHook,
  limitsHook,
  cpusHook,
  logHook,
  volumesHook,
  namesHook,
  terminationHook,
  fenceHook,
  cgroupHook,
];

/** Runs the hooks; gives the whole specification, or the first refusal. */
export async function prepare(start: Start): Promise<{ spec: ContainerSpec } | { refusal: Postponement }> {
  for (const hook of startHooks) {
    const refusal = await hook(start);
    if (refusal) return { refusal };
  }
  const { cid, root, record, container, spec } = start;
  const hostname = hostNameOf(record.task);
  const readOnlyRoot = container.securityContext?.readOnlyRootFilesystem ?? false;
  return { spec: { mounts: [], ...spec, cid, root, hostname, readOnlyRoot } as ContainerSpec };
}
