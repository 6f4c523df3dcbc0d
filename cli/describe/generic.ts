/** Any object as an outline: its metadata, and spec and status field by field. For kinds without a describer of their own. */
import type { AnyObject, KubeObject } from '../../api/meta/object-meta.ts';
import { type Entry, line, moment, optionalSection, pairs } from './outline.ts';

/** What every description begins with. */
export function metadataEntries({ kind, metadata }: KubeObject, nowMs: number): Entry[] {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  return [
    ...line('Name', metadata.name),
    ...line('Namespace', metadata.namespace),
    ...(['Job', 'Task', 'Node'].includes(kind) ? [] : line('Kind', kind)),
    ...pairs('Labels', metadata.labels),
    ...pairs('Annotations', withoutLastApplied(metadata.annotations)),
    ...line('Created', moment(metadata.creationTimestamp, nowMs)),
    ...line('Deleting since', moment(metadata.deletionTimestamp, nowMs)),
    ...line('Finalizers', metadata.deletionTimestamp ? metadata.finalizers?.join(', ') : undefined),
    ...line('Controlled by', owner && `${owner.kind}/${owner.name}`),
  ];
}

function withoutLastApplied(annotations: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration'),
  );
}

export function describeAny(object: AnyObject, nowMs: number): Entry[] {
  const { apiVersion, kind, metadata: _metadata, ...fields } = object;
  const shown = kind === 'Secret' ? hidden(fields) : fields;
  return [...metadataEntries(object, nowMs), ...line('API version', apiVersion), ...valueEntries(shown)];
}

/** Secrets are described by size, never by content. */
function hidden(fields: Record<string, unknown>): Record<string, unknown> {
  const data = (fields['data'] ?? {}) as Record<string, string>;
  const sizes = Object.entries(data).map(([key, value]) => [
    key,
    `${Buffer.from(value, 'base64').length} bytes`,
  ]);
  return { ...fields, data: Object.fromEntries(sizes) };
}

/** The fields of a value, under the names the API gives them. */
export function valueEntries(value: Record<string, unknown>): Entry[] {
  return Object.entries(value).flatMap(([key, field]) => fieldEntries(key, field));
}

function fieldEntries(key: string, value: unknown): Entry[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return listEntries(key, value);
  if (typeof value !== 'object') return line(key, String(value));
  return optionalSection(key, valueEntries(value as Record<string, unknown>));
}

function listEntries(key: string, items: readonly unknown[]): Entry[] {
  if (items.length === 0) return [];
  if (items.every((item) => typeof item !== 'object' || item === null))
    return [{ key, value: items.map((item) => String(item)) }];
  const named = items.flatMap((item, index) => fieldEntries(itemName(item, index), item));
  return optionalSection(key, named);
}

function itemName(item: unknown, index: number): string {
  const { name, type, key } = (item ?? {}) as Record<string, unknown>;
  const word = [name, type, key].find((candidate) => typeof candidate === 'string');
  return typeof word === 'string' ? word : String(index);
}
