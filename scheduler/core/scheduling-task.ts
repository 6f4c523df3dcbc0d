/**
 * A task as the core sees it: what it asks for, as numbers, worked out once when the task arrives.
 * First step on the way: Task → SchedulingTask → queue → scheduleTask → node.
 */

import { type DeviceShares, gpuMilli } from '../../api/kinds/devices.ts';
import type { Gang } from '../../api/kinds/gang.ts';
import type { Task } from '../../api/kinds/task.ts';
import { claimKeysOf } from '../../api/kinds/task-references.ts';
import { taskHostPorts, taskRequests } from '../../api/kinds/task-request.ts';
import { admittedSpec } from '../../api/kinds/task-resize.ts';
import type { Affinity, Toleration } from '../../api/kinds/task-spec.ts';
import { keyOf } from '../../api/meta/object-meta.ts';
import type { ResourceAmounts } from '../../api/meta/quantity.ts';
import { workOf } from './crash-record.ts';
import type { GpuDemand } from './gpu-demand.ts';
import type { Snapshot } from './snapshot.ts';
import { type TaskIdentity, type TaskRelations, taskIdentity, taskRelations } from './task-identity.ts';

/** What a task holds of a node from its bind to its end. */
export interface Footprint {
  /** cpu in milli, everything else in whole units; zero amounts are left out. */
  requests: ResourceAmounts;
  /** `TCP/8080`, as hostPortKey writes them. */
  ports: readonly string[];
  /** `namespace/name` of the job it belongs to. */
  job?: string;
  /** Of no use without the others of its job. */
  gang?: Gang;
  /** Thousandths of the node's GPUs that are its own, by name. */
  devices?: DeviceShares;
  /** `namespace/name` of the claims it mounts. */
  claims?: readonly string[];
  /** As which it counts in the workload to expect, when it has GPUs. */
  gpuDemand?: GpuDemand;
  /** It is started again whenever it ends, as a service's are; a task of batch work ends by itself. */
  livesLong: boolean;
  /** What it is to the tasks around it. */
  identity: TaskIdentity;
}

export interface SchedulingTask extends Footprint {
  /** `namespace/name`. */
  key: string;
  uid: string;
  /** Higher goes first. */
  priority: number;
  /** Whether it may displace others is the class's to say. */
  priorityClassName?: string;
  /** RFC 3339, so that it sorts as text. */
  created: string;
  nodeSelector: Record<string, string>;
  nodeAffinity: NonNullable<Affinity['nodeAffinity']>;
  tolerations: readonly Toleration[];
  relations: TaskRelations;
  images: readonly string[];
  /** What it is an attempt at (crash-record.ts). */
  work?: string;
  /**
   * Tasks of one signature are alike to every filter and, but for where the rest of their jobs is, to every
   * scorer: what is worked out for one holds for all (Borg's and kube-scheduler's equivalence class).
   */
  signature: string;
}

export function schedulingTask(task: Task): SchedulingTask {
  const { metadata, spec } = task;
  const relations = taskRelations(task);
  const work = workOf(task);
  const { job, identity, gpuDemand, ...footprint } = footprintOf(task, relations);
  const asks = {
    ...footprint,
    relations,
    images: spec.containers.flatMap(({ image }) => image ?? []),
    priority: spec.priority ?? 0,
    nodeSelector: spec.nodeSelector ?? {},
    nodeAffinity: spec.affinity?.nodeAffinity ?? {},
    tolerations: spec.tolerations ?? [],
  };
  return {
    ...asks,
    identity,
    ...(job === undefined ? {} : { job }),
    ...(gpuDemand ? { gpuDemand } : {}),
    ...(spec.priorityClassName === undefined ? {} : { priorityClassName: spec.priorityClassName }),
    ...(work === undefined ? {} : { work }),
    key: keyOf(task),
    uid: metadata.uid ?? '',
    created: metadata.creationTimestamp ?? '',
    signature: JSON.stringify(isRelated(relations) ? [asks, metadata.namespace] : asks),
  };
}

/** Relations mean other tasks in other namespaces. */
function isRelated({ near, far, preferred, spread }: TaskRelations): boolean {
  return near.length + far.length + preferred.length + spread.length > 0;
}

export function footprintOf(task: Task, relations = taskRelations(task)): Footprint {
  const { metadata, spec } = task;
  const asked = Object.entries(taskRequests(admittedSpec(task))).filter(([, amount]) => amount > 0);
  const requests = Object.fromEntries(asked);
  const job = spec.job === undefined ? {} : { job: `${metadata.namespace}/${spec.job}` };
  const gang = spec.job === undefined || !spec.gang ? {} : { gang: spec.gang };
  const devices = spec.devices === undefined ? {} : { devices: spec.devices };
  const claims = claimKeysOf(task);
  return {
    requests,
    ...(requests[gpuMilli] === undefined ? {} : { gpuDemand: gpuDemandOf(spec, requests) }),
    ports: taskHostPorts(spec),
    livesLong: spec.restartPolicy === 'Always',
    identity: taskIdentity(task, relations),
    ...job,
    ...gang,
    ...devices,
    ...(claims.length > 0 ? { claims } : {}),
  };
}

function gpuDemandOf({ nodeSelector = {}, affinity }: Task['spec'], requests: ResourceAmounts): GpuDemand {
  const { cpu: cpuMilli = 0, [gpuMilli]: milli = 0 } = requests;
  const nodeAffinity = affinity?.nodeAffinity ?? {};
  const key = JSON.stringify([cpuMilli, milli, nodeSelector, nodeAffinity]);
  return { key, cpuMilli, milli, nodeSelector, nodeAffinity };
}

/**
 * Tasks of one class are decided alike: of one signature, concerned by the same terms of the tasks on nodes, and
 * their claims being where they are. Holds for the moment.
 */
export function classKeyOf({ signature, identity, claims }: SchedulingTask, snapshot: Snapshot): string {
  const terms = snapshot.termsSelecting(identity);
  const own = claims
    ? `${signature}\n${JSON.stringify(claims.map((key) => snapshot.claim(key)))}`
    : signature;
  return terms.length === 0 ? own : `${own}\n${terms.map(({ key }) => key).join('\n')}`;
}
