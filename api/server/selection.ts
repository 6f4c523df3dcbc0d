/** Which objects of a kind a list, a watch or a deletecollection is about: namespace, labels, fields. */
import type { AnyKind } from '../kinds/define-kind.ts';
import { type FieldRequirement, matchesFields, parseFieldSelector } from '../meta/field-selector.ts';
import { matchesLabels, parseLabelSelector, type Requirement } from '../meta/label-selector.ts';
import type { CachedObject } from './cached-object.ts';

export interface Selection {
  kind: AnyKind;
  namespace: string | undefined;
  labels: readonly Requirement[];
  fields: readonly FieldRequirement[];
  /** Equal text, equal selection: watchers of the same text share their batches. */
  text: string;
}

/** Throws ApiError BadRequest for selectors that make no sense for the kind. */
export function parseSelection(
  kind: AnyKind,
  namespace: string | undefined,
  query: URLSearchParams,
): Selection {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const supported = new Set([
    'metadata.name',
    'metadata.namespace',
    ...Object.keys(kind.selectableFields ?? {}),
  ]);
  const fields = parseFieldSelector(fieldText, supported);
  return {
    kind,
    namespace,
    labels: parseLabelSelector(labelText),
    fields: kind.readSelector?.(fields) ?? fields,
    text: JSON.stringify([namespace ?? null, labelText, fieldText]),
  };
}

export function selectsAll({ labels, fields }: Selection): boolean {
  return labels.length === 0 && fields.length === 0;
}

export function selects({ kind, namespace, labels, fields }: Selection, object: CachedObject): boolean {
  if (namespace !== undefined && !object.key.startsWith(`${namespace}/`)) return false;
  if (fields.length > 0 && !matchesFields(fields, (field) => object.field(kind, field))) return false;
  return labels.length === 0 || matchesLabels(labels, object.labels(kind));
}
