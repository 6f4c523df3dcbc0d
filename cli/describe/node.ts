/** A node as an outline: what it is, what it has, and which tasks have how much of it. */
import type { Node } from '../../api/kinds/node.ts';
import type { Task } from '../../api/kinds/task.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import { formatAmount, type ResourceAmounts, resourceAmounts } from '../../api/meta/quantity.ts';
import { age } from '../age.ts';
import { conditionEntries } from './conditions.ts';
import { metadataEntries } from './generic.ts';
import { type Entry, line, section } from './outline.ts';
import { amounts } from './task.ts';

export function describeNode(node: Node, tasks: readonly Task[], nowMs: number): Entry[] {
  const { spec, status } = node;
  const taintTexts = (spec.taints ?? []).map(
    ({ key, value, effect }) => `${key}${value ? `=${value}` : ''}:${effect}`,
  );
  const { nodeInfo } = status;
  return [
    ...metadataEntries(node, nowMs),
    ...line('Schedulable', spec.unschedulable ? 'no (cordoned)' : 'yes'),
    { key: 'Taints', value: taintTexts.length === 0 ? '<none>' : taintTexts },
    { key: 'Addresses', value: (status.addresses ?? []).map(({ type, address }) => `${type} ${address}`) },
    ...line('Agent', nodeInfo?.kubeletVersion),
    ...line('Runtime', nodeInfo?.containerRuntimeVersion),
    ...line(
      'System',
      nodeInfo && `${nodeInfo.osImage}, kernel ${nodeInfo.kernelVersion}, ${nodeInfo.architecture}`,
    ),
    ...conditionEntries(status.conditions, nowMs),
    ...line('Capacity', amounts(status.capacity)),
    ...line('Allocatable', amounts(status.allocatable)),
    ...allocatedEntries(node, tasks.filter(holdsResources)),
    ...taskEntries(tasks.filter(holdsResources), nowMs),
  ];
}

/** Ended tasks have given back what they had. */
function holdsResources({ status }: Task): boolean {
  return !isTerminal(status.phase);
}

function allocatedEntries({ status }: Node, tasks: readonly Task[]): Entry[] {
  const requested = sum(tasks, 'requests');
  const limited = sum(tasks, 'limits');
  const allocatable = { ...resourceAmounts(status.allocatable) };
  const names = Object.keys(allocatable).filter((name) => name !== 'pods');
  const rows = names.map((name) => [
    name,
    share(name, requested[name] ?? 0, allocatable[name] ?? 0),
    share(name, limited[name] ?? 0, allocatable[name] ?? 0),
  ]);
  const pods = allocatable['pods'];
  const count = pods === undefined ? [] : [['tasks', `${tasks.length} (${percent(tasks.length, pods)})`, '']];
  return [{ key: 'Allocated', rows: [['RESOURCE', 'REQUESTS', 'LIMITS'], ...rows, ...count] }];
}

function sum(tasks: readonly Task[], part: 'requests' | 'limits'): ResourceAmounts {
  const total: ResourceAmounts = {};
  for (const { spec } of tasks) {
    for (const { resources } of spec.containers) {
      for (const [name, amount] of Object.entries(resourceAmounts(resources[part])))
        total[name] = (total[name] ?? 0) + amount;
    }
  }
  return total;
}

function share(name: string, amount: number, of: number): string {
  return `${formatAmount(name, amount)} (${percent(amount, of)})`;
}

function percent(amount: number, of: number): string {
  return of === 0 ? '0%' : `${Math.floor((100 * amount) / of)}%`;
}

function taskEntries(tasks: readonly Task[], nowMs: number): Entry[] {
  if (tasks.length === 0) return section('Tasks', []);
  const rows = tasks.map(({ metadata, spec, status }) => {
    const requests = spec.containers.map(({ resources }) => amounts(resources.requests) ?? '').join('; ');
    return [
      metadata.namespace ?? '',
      metadata.name,
      status.phase,
      requests,
      age(metadata.creationTimestamp, nowMs),
    ];
  });
  return [{ key: 'Tasks', rows: [['NAMESPACE', 'NAME', 'PHASE', 'REQUESTS', 'AGE'], ...rows] }];
}
