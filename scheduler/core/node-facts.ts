/** A node as the core sees it, and which changes of a node can help a waiting task. */
import { allocatableOf } from '../../api/kinds/devices.ts';
import type { Node, Taint } from '../../api/kinds/node.ts';
import { isConditionTrue } from '../../api/meta/conditions.ts';
import type { Labels } from '../../api/meta/label-selector.ts';
import type { ResourceAmounts } from '../../api/meta/quantity.ts';

export interface NodeFacts {
  name: string;
  /** cpu in milli, everything else in whole units. */
  allocatable: ResourceAmounts;
  /** Names of its GPUs. */
  devices: readonly string[];
  /** Images it has, and their bytes. */
  images: ReadonlyMap<string, number>;
  labels: Labels;
  taints: readonly Taint[];
  /** Cordoned: `spec.unschedulable`. */
  unschedulable: boolean;
  ready: boolean;
  /** Whether volumes can be made for claims. */
  givesVolumes: boolean;
}

export type NodeChange = 'allocatable' | 'labels' | 'taints' | 'uncordoned' | 'ready';

export function nodeFacts({ metadata, spec, status }: Node): NodeFacts {
  return {
    name: metadata.name,
    allocatable: allocatableOf(status),
    devices: (status.devices ?? []).map(({ name }) => name),
    images: new Map(
      (status.images ?? []).flatMap(({ names, sizeBytes = 0 }) => names.map((name) => [name, sizeBytes])),
    ),
    labels: metadata.labels ?? {},
    taints: spec.taints ?? [],
    unschedulable: spec.unschedulable ?? false,
    ready: isConditionTrue(status.conditions, 'Ready'),
    givesVolumes: status.volumeDirectory !== undefined,
  };
}

/** The changes that can make room; a node that only got worse gives none. */
export function helpfulChanges(before: NodeFacts, after: NodeFacts): ReadonlySet<NodeChange> {
  const changes = new Set<NodeChange>();
  if (grew(before.allocatable, after.allocatable) || differ(before.devices, after.devices))
    changes.add('allocatable');
  if (!before.givesVolumes && after.givesVolumes) changes.add('allocatable');
  if (differ(before.labels, after.labels)) changes.add('labels');
  if (differ(before.taints, after.taints)) changes.add('taints');
  if (before.unschedulable && !after.unschedulable) changes.add('uncordoned');
  if (!before.ready && after.ready) changes.add('ready');
  return changes;
}

function grew(before: ResourceAmounts, after: ResourceAmounts): boolean {
  return Object.entries(after).some(([resource, amount]) => amount > (before[resource] ?? 0));
}

function differ(before: unknown, after: unknown): boolean {
  return JSON.stringify(before) !== JSON.stringify(after);
}
