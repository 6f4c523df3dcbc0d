/**
 * What tasks may have of a node: its capacity without what the system and the agent need, and without the
 * memory and the disk below which tasks are evicted. Pure.
 */
import { formatAmount, type ResourceList, resourceAmounts } from '../api/meta/quantity.ts';
import type { GroupLimits } from './cgroup/cgroups.ts';
import { amountOf, type Signal, type Threshold } from './eviction/thresholds.ts';
import { cpuShares } from './task/limits.ts';

export interface Reserves {
  /** For everything on the machine that is neither agent nor task. */
  system: ResourceList;
  /** For the agent and what stands over containers. */
  agent: ResourceList;
}

/** What tells that a resource runs out. */
const signals: Record<string, Signal> = {
  memory: 'memory.available',
  'ephemeral-storage': 'nodefs.available',
};

/** For the node's status. */
export function allocatable(
  capacity: ResourceList,
  reserves: Reserves,
  thresholds: readonly Threshold[],
): ResourceList {
  const hard = new Map(
    thresholds.filter(({ graceMs }) => graceMs === undefined).map(({ signal, less }) => [signal, less]),
  );
  const amounts = resourceAmounts(capacity);
  const [system, agent] = [resourceAmounts(reserves.system), resourceAmounts(reserves.agent)];
  return Object.fromEntries(
    Object.entries(amounts).map(([name, amount]) => {
      const signal = signals[name];
      const less = signal && hard.get(signal);
      const threshold = less ? amountOf(less, amount) : 0;
      const left = Math.floor(amount - (system[name] ?? 0) - (agent[name] ?? 0) - threshold);
      return [name, left === amount ? capacity[name]! : formatAmount(name, Math.max(0, left))];
    }),
  );
}

/**
 * The limits of the group of all tasks. Memory goes up to the reserves, a threshold beyond allocatable: tasks are
 * evicted before the kernel has to kill.
 */
export function tasksLimits(capacity: ResourceList, reserves: Reserves, maxProcesses: number): GroupLimits {
  const open = resourceAmounts(allocatable(capacity, reserves, []));
  return {
    cpuShares: cpuShares(open['cpu'] ?? 0),
    ...(open['memory'] === undefined ? {} : { memoryBytes: open['memory'] }),
    pids: maxProcesses,
  };
}
