/** What a task is told of itself: the text of a field, of a map of them, or of a container's resource. Pure but for the node's size. */
import { availableParallelism } from 'node:os';
import type { FieldRef, ResourceFieldRef } from '../../api/kinds/task-downward.ts';
import { formatBytes, parseQuantity } from '../../api/meta/quantity.ts';
import type { TaskRecord } from '../task/task-record.ts';
import type { NodeFacts } from './hook.ts';

export type ValueSource = Pick<TaskRecord, 'task' | 'address'>;
export type ValueNode = Pick<NodeFacts, 'name' | 'address' | 'memoryBytes'>;

/** A label or an annotation that is not there is empty. */
export function fieldValue({ fieldPath }: FieldRef, { task, address }: ValueSource, node: ValueNode): string {
  const { metadata, spec } = task;
  const podIP = address ?? node.address;
  const [, map, key] = /^metadata\.(labels|annotations)(?:\['([^']+)'\])?$/.exec(fieldPath) ?? [];
  if (map === 'labels' || map === 'annotations')
    return key === undefined ? mapText(metadata[map]) : (metadata[map]?.[key] ?? '');
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': node.name,
    'spec.serviceAccountName': spec.serviceAccountName,
    'status.hostIP': node.address,
    'status.hostIPs': node.address,
    'status.podIP': podIP,
    'status.podIPs': podIP,
  };
  return fields[fieldPath] ?? '';
}

/** As kubelet writes them: one `key="value"` per line, in the order of the keys. */
function mapText(entries: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries(entries).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return lines.sort().join('\n');
}

/** In units of the divisor, rounded up. Throws an Error for a container that is not there. */
export function resourceValue(
  { containerName, resource, divisor = '1' }: ResourceFieldRef,
  { task }: ValueSource,
  { node, ownContainer = '' }: { node: ValueNode; ownContainer?: string },
): string {
  const name = containerName ?? ownContainer;
  const { containers, initContainers = [] } = task.spec;
  const container = [...containers, ...initContainers].find((each) => each.name === name);
  if (!container) throw new Error(`the task has no container named ${name}`);
  const [part, kind = ''] = resource.split('.');
  const { requests = {}, limits = {} } = container.resources;
  const amount = part === 'requests' ? (requests[kind] ?? '0') : (limits[kind] ?? nodeAmount(kind, node));
  const unit = parseQuantity(divisor).nano;
  return `${(parseQuantity(amount).nano + unit - 1n) / unit}`;
}

/** What a container without a limit may use. */
function nodeAmount(kind: string, { memoryBytes }: ValueNode): string {
  if (kind === 'cpu') return `${availableParallelism()}`;
  return kind === 'memory' ? formatBytes(memoryBytes) : '0';
}
