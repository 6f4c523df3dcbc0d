/**
 * Keeps managedFields true on ordinary writes: what a create, update or patch changed belongs to its manager
 * and to nobody else, and nobody owns what is not there. Costs nothing for objects that nobody tracks: those
 * Gantry's own components create (docs/design/0004-server-side-apply.md).
 */
import type { AnyObject, ManagedFieldsEntry } from '../../meta/object-meta.ts';
import { timestamp } from '../../meta/object-meta.ts';
import type { Call } from '../call.ts';
import { invalidError } from '../field-errors.ts';
import { sameJson } from '../object-bytes.ts';
import { nodeNameOf, type User } from '../user.ts';
import { changedFields } from './extract.ts';
import { updateManager } from './field-manager.ts';
import { difference, type FieldSet, inOrder, isEmptySet, noFields, union } from './field-set.ts';
import {
  decodeOwnerships,
  encodeOwnerships,
  isReset,
  isSameManager,
  managedFieldsCauses,
  type Ownership,
} from './managed-fields.ts';
import { emptyView, type TrackedView, trackedView } from './tracked-view.ts';

/** Writes `managedFields` of a new object, stamped already; whoever creates it owns all of it. */
export function trackCreate(call: Call, object: AnyObject): void {
  if (isComponent(call.user)) return;
  const { kind, schema } = call.served;
  const manager = updateManager(call);
  const fields = changedFields(schema.json, emptyView, trackedView(kind, object, undefined));
  const time = object.metadata.creationTimestamp!;
  setOwnerships(object, [{ ...manager, time, fields: inOrder(fields) }]);
}

export interface TrackedUpdate {
  old: AnyObject;
  /** What will be stored; gets its `managedFields`. */
  next: AnyObject;
  /** The managedFields of the request's object. */
  given: readonly ManagedFieldsEntry[] | undefined;
}

/** Throws ApiError Invalid for managedFields that are not well-formed. */
export function trackUpdate(call: Call, update: TrackedUpdate): void {
  setOwnerships(update.next, ownershipsAfter(call, update));
}

function ownershipsAfter(call: Call, { old, next, given }: TrackedUpdate): readonly Ownership[] {
  const ownerships = ownershipsBefore(call, old, given);
  // Who did not track an object from the start cannot say who owned it: the first apply settles that.
  if (ownerships.length === 0) return [];
  const touched = touchedParts(call, old, next);
  if (!touched) return ownerships;
  const mine = isComponent(call.user) ? undefined : updateManager(call);
  if (!mine && !ownerships.some(({ fields }) => ownsPartOf(fields, touched))) return ownerships;
  const { json } = call.served.schema;
  const changed = changedFields(json, touched.old, touched.next);
  const removed = difference(changedFields(json, touched.next, touched.old), changed);
  const both = union(changed, removed);
  const left = ownerships.map((ownership) => {
    const lost = mine && isSameManager(ownership, mine) ? removed : both;
    return { ...ownership, fields: difference(ownership.fields, lost) };
  });
  if (!mine || isEmptySet(both)) return left;
  const time = timestamp(call.backend.clock.now());
  return withChange(left, { ...mine, time, fields: changed });
}

function ownershipsBefore(
  { path, served }: Call,
  { metadata }: AnyObject,
  given: TrackedUpdate['given'],
): Ownership[] {
  if (path.subresource !== undefined || !given?.length || sameJson(given, metadata.managedFields))
    return decodeOwnerships(metadata.managedFields);
  if (isReset(given)) return [];
  const causes = managedFieldsCauses(given);
  if (causes.length > 0) throw invalidError(served.kind, metadata.name, causes);
  return decodeOwnerships(given);
}

/** The top-level fields that differ; undefined when none does. Everything else need not be looked at. */
function touchedParts(
  { served, path }: Call,
  old: AnyObject,
  next: AnyObject,
): { old: TrackedView; next: TrackedView } | undefined {
  const before = trackedView(served.kind, old, path.subresource);
  const after = trackedView(served.kind, next, path.subresource);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const touched = names.filter((name) => !sameJson(before[name], after[name]));
  if (touched.length === 0) return undefined;
  const part = (view: TrackedView): TrackedView =>
    Object.fromEntries(touched.filter((name) => name in view).map((name) => [name, view[name]]));
  return { old: part(before), next: part(after) };
}

function ownsPartOf(fields: FieldSet, { old, next }: { old: TrackedView; next: TrackedView }): boolean {
  return Object.keys({ ...old, ...next }).some((name) => `f:${name}` in fields);
}

function withChange(ownerships: readonly Ownership[], change: Ownership): Ownership[] {
  const before = ownerships.find((ownership) => isSameManager(ownership, change));
  const fields = inOrder(union(before?.fields ?? noFields, change.fields));
  return [...ownerships.filter((ownership) => ownership !== before), { ...change, fields }];
}

export function setOwnerships(object: AnyObject, ownerships: readonly Ownership[]): void {
  const entries = encodeOwnerships(ownerships);
  if (entries) object.metadata.managedFields = entries;
  else delete object.metadata.managedFields;
}

/** Gantry's own processes; only certificates of the cluster's CA carry such names. */
function isComponent(user: User): boolean {
  return user.name.startsWith('system:gantry-') || nodeNameOf(user) !== undefined;
}
