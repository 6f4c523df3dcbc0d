/**
 * The part of an object that managers can own through one of its endpoints: never what the server fills in,
 * the status only through its subresource where there is one.
 */
import type { AnyKind } from '../../kinds/define-kind.ts';
import type { AnyObject, ObjectMeta } from '../../meta/object-meta.ts';

const serverFields: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
] satisfies (keyof ObjectMeta | 'selfLink')[]);

export type TrackedView = Record<string, unknown>;

export function trackedView(
  kind: Pick<AnyKind, 'statusSubresource'>,
  object: AnyObject,
  subresource: string | undefined,
): TrackedView {
  if (subresource === 'status') return object.status === undefined ? {} : { status: object.status };
  const { apiVersion: _apiVersion, kind: _kind, metadata, status, ...rest } = object;
  const view: TrackedView = { metadata: trackedMetadata(metadata), ...rest };
  if (status !== undefined && !kind.statusSubresource) view['status'] = status;
  return view;
}

/** The part of a configuration that its manager claims; empty metadata claims nothing. */
export function appliedView(
  kind: Pick<AnyKind, 'statusSubresource'>,
  configuration: AnyObject,
  subresource: string | undefined,
): TrackedView {
  const { metadata, ...rest } = trackedView(kind, configuration, subresource);
  return Object.keys(metadata ?? {}).length === 0 ? rest : { metadata, ...rest };
}

/** Everything that anybody can own through any endpoint. */
export function wholeView(object: AnyObject): TrackedView {
  return trackedView({ statusSubresource: false }, object, undefined);
}

function trackedMetadata(metadata: ObjectMeta): Record<string, unknown> {
  const tracked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (!serverFields.has(name) && value !== undefined) tracked[name] = value;
  }
  return tracked;
}

/** What a new object is compared with. Its metadata is nobody's. */
export const emptyView: TrackedView = { metadata: {} };
