/**
 * What is set aside on each node: one record per node, `/registry/allocations/<node>`, outside any served
 * kind. Whoever binds a task, ends it or removes it changes the record in the same transaction, so at every
 * revision the record is exactly the bound tasks that are not over (contract R6, R8).
 */
import { chooseDevices, type DeviceShares, freeOf, gpuMilli, sharesOf } from '../kinds/devices.ts';
import type { Task } from '../kinds/task.ts';
import { isTerminal } from '../kinds/task-phase.ts';
import { taskHostPorts, taskRequests } from '../kinds/task-request.ts';
import { formatAmount, type ResourceAmounts } from '../meta/quantity.ts';
import type { Compare, KeyValue, Operation } from '../store/store.ts';
import { allocationKey } from './keys.ts';

export interface Allocation {
  /** By `namespace/name` of the task. */
  tasks: Record<string, TaskAllocation>;
  /** Bytes of the disk that volumes have, by name; they stay when tasks end. */
  volumes?: Record<string, number>;
}

/** The record as the store holds it. */
export type AllocationRecord = Pick<KeyValue, 'value' | 'modRevision'>;

export interface TaskAllocation {
  uid: string;
  /** cpu in milli, everything else in whole units; every task takes one of `pods`. */
  requests: ResourceAmounts;
  /** `TCP/8080`: ports taken on the node. */
  ports: string[];
  /** Thousandths of devices, by name. */
  devices?: DeviceShares;
  /** Claims it mounts, `namespace/name`. */
  claims?: string[];
}

/** The node's disk, as a resource. */
export const diskResource = 'ephemeral-storage';

export function readAllocation(record: AllocationRecord | undefined): Allocation {
  return record ? (JSON.parse(record.value.toString()) as Allocation) : { tasks: {} };
}

export function taskAllocation({ metadata, spec }: Task): TaskAllocation {
  return { uid: metadata.uid ?? '', requests: taskRequests(spec), ports: taskHostPorts(spec) };
}

/** What all tasks and volumes of the record take together. */
export function sumOf({ tasks, volumes = {} }: Allocation): ResourceAmounts {
  const sum: ResourceAmounts = {};
  for (const bytes of Object.values(volumes)) sum[diskResource] = (sum[diskResource] ?? 0) + bytes;
  for (const { requests } of Object.values(tasks)) {
    for (const [name, amount] of Object.entries(requests)) sum[name] = (sum[name] ?? 0) + amount;
  }
  return sum;
}

/** What a node has and what of it is taken. `used` is the sum of the allocation. */
export interface NodeSpace {
  allocation: Allocation;
  used: ResourceAmounts;
  allocatable: ResourceAmounts;
  /** Names of its devices. */
  devices: readonly string[];
  /** Where it keeps volumes; undefined: it has no place for them. */
  volumeDirectory: string | undefined;
}

/** Why the task does not fit beside what is there, in numbers; undefined when it does. */
export function misfit(
  { allocation, used, allocatable }: NodeSpace,
  task: TaskAllocation,
): string | undefined {
  for (const [name, amount] of Object.entries(task.requests)) {
    const total = allocatable[name] ?? (name === 'pods' ? Number.POSITIVE_INFINITY : 0);
    const free = total - (used[name] ?? 0);
    if (amount > 0 && amount > free) {
      const [wants, has] = [formatAmount(name, amount), formatAmount(name, Math.max(0, free))];
      return `it needs ${name} ${wants}, and ${has} of ${formatAmount(name, total)} is free`;
    }
  }
  for (const port of task.ports) {
    const holder = Object.entries(allocation.tasks).find(([, { ports }]) => ports.includes(port));
    if (holder) return `port ${port} is taken by task ${holder[0]}`;
  }
  return undefined;
}

/** With the devices the task gets; undefined when there are none for it. */
export function withDevices(
  { allocation, devices }: NodeSpace,
  task: TaskAllocation,
): TaskAllocation | undefined {
  const milli = task.requests[gpuMilli] ?? 0;
  if (milli === 0) return task;
  const shares = Object.values(allocation.tasks).map((one) => one.devices ?? {});
  const chosen = chooseDevices(freeOf(devices, shares), milli);
  return chosen && { ...task, devices: sharesOf(devices, chosen, milli) };
}

/** The part of a transaction that writes the record, on condition that it is still `record`. */
export function allocationWrite(
  node: string,
  record: AllocationRecord | undefined,
  next: Allocation,
): { compare: Compare; operation: Operation | undefined } {
  const key = allocationKey(node);
  const compare = { key, modRevision: record?.modRevision ?? 0 };
  if (Object.keys(next.tasks).length + Object.keys(next.volumes ?? {}).length > 0)
    return { compare, operation: { type: 'put', key, value: Buffer.from(JSON.stringify(next)) } };
  return { compare, operation: record ? { type: 'delete', key } : undefined };
}

/** The allocation without the task; undefined when it was not in it. */
export function withoutTask(allocation: Allocation, key: string): Allocation | undefined {
  if (!Object.hasOwn(allocation.tasks, key)) return undefined;
  const { [key]: _gone, ...tasks } = allocation.tasks;
  return { ...allocation, tasks };
}

export function withoutVolume({ volumes = {}, ...rest }: Allocation, name: string): Allocation {
  const { [name]: _gone, ...others } = volumes;
  return Object.keys(others).length > 0 ? { ...rest, volumes: others } : rest;
}

/** Whether a task in this state has something set aside on a node. */
export function holdsAllocation(nodeName: string | undefined, phase: string | undefined): nodeName is string {
  return nodeName !== undefined && !isTerminal(phase as Task['status']['phase'] | undefined);
}
