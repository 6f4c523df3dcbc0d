/** What a container may use, in the kernel's units. Pure: resources of the API in, numbers out. */

import type { TaskSpec } from '../../api/kinds/task.ts';
import { type QosClass, qosClass } from '../../api/kinds/task-qos.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';

export { qosClass };

export interface ContainerLimits {
  /** Absent: as much as there is. */
  cpuMilli?: number;
  /** Weight against others, cgroup v1's scale: 1024 is one core. */
  cpuShares: number;
  /** Absent: no limit. Swap is never allowed on top. */
  memoryBytes?: number;
  /** There is always one: a fork bomb must not take the node. */
  pids: number;
  /** Cores it runs on, as in cpuset.cpus; absent: any. */
  cpus?: string;
  /** -997 (last to die) to 1000 (first). */
  oomScoreAdj: number;
}

export const defaultPids = 1024;
export const cpuPeriodMicros = 100_000;
const minShares = 2;
/** The kernel takes no quota below a millisecond. */
const minQuotaMicros = 1000;

/** `qos` is the task's; a container looked at alone has its own. */
export function containerLimits(
  container: Container,
  nodeMemoryBytes: number,
  qos: QosClass = qosClass({ containers: [container] }),
): ContainerLimits {
  const { resources } = container;
  const limits = resourceAmounts(resources.limits);
  const requests = resourceAmounts(resources.requests);
  return {
    ...(limits['cpu'] ? { cpuMilli: limits['cpu'] } : {}),
    cpuShares: cpuShares(requests['cpu'] ?? 0),
    ...(limits['memory'] ? { memoryBytes: limits['memory'] } : {}),
    pids: limits['pids'] || defaultPids,
    oomScoreAdj: oomScoreAdj(qos, requests['memory'] ?? 0, nodeMemoryBytes),
  };
}

type GroupLimits = Omit<ContainerLimits, 'oomScoreAdj' | 'cpus'>;

/** The whole task: what runs side by side, or one init container beside the sidecars, whichever is more. */
export function wholeTaskLimits(
  { containers, initContainers = [] }: Pick<TaskSpec, 'containers' | 'initContainers'>,
  nodeMemoryBytes: number,
): GroupLimits {
  const limitsOf = (parts: readonly Container[]): GroupLimits =>
    taskLimits(parts.map((part) => containerLimits(part, nodeMemoryBytes)));
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
  const inits = initContainers.filter(({ restartPolicy }) => restartPolicy !== 'Always');
  return inits
    .map((init) => limitsOf([init, ...sidecars]))
    .reduce(largerLimits, limitsOf([...containers, ...sidecars]));
}

function largerLimits(one: GroupLimits, other: GroupLimits): GroupLimits {
  const larger = (name: 'cpuMilli' | 'memoryBytes') => {
    const [a, b] = [one[name], other[name]];
    return a === undefined || b === undefined ? {} : { [name]: Math.max(a, b) };
  };
  return {
    ...larger('cpuMilli'),
    ...larger('memoryBytes'),
    cpuShares: Math.max(one.cpuShares, other.cpuShares),
    pids: Math.max(one.pids, other.pids),
  };
}

/** All containers of a task together: a limit only where every one of them has it. */
export function taskLimits(parts: readonly ContainerLimits[]): GroupLimits {
  const sum = (values: (number | undefined)[]): number | undefined =>
    values.every((value) => value !== undefined)
      ? values.reduce((total, value) => total + value, 0)
      : undefined;
  const cpuMilli = sum(parts.map((part) => part.cpuMilli));
  const memoryBytes = sum(parts.map((part) => part.memoryBytes));
  return {
    ...(cpuMilli === undefined ? {} : { cpuMilli }),
    cpuShares: sum(parts.map((part) => part.cpuShares)) ?? minShares,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    pids: sum(parts.map((part) => part.pids)) ?? defaultPids,
  };
}

export function cpuShares(requestMilli: number): number {
  return Math.max(minShares, Math.floor((requestMilli * 1024) / 1000));
}

export function cpuQuotaMicros(cpuMilli: number): number {
  return Math.max(minQuotaMicros, Math.floor((cpuMilli * cpuPeriodMicros) / 1000));
}

/** kubelet's rule: guaranteed tasks die last, those that asked for nothing first, others by their share. */
function oomScoreAdj(qos: QosClass, memoryRequest: number, nodeMemoryBytes: number): number {
  if (qos === 'BestEffort') return 1000;
  if (qos === 'Guaranteed') return -997;
  return Math.min(999, Math.max(3, Math.floor(1000 - (1000 * memoryRequest) / nodeMemoryBytes)));
}
