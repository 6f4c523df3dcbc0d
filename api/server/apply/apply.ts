/**
 * Server-side apply, decided: live object and applied configuration in, new object and owners out. Pure.
 *
 *   merge → take out what the manager applied before and nobody owns now → what changed → whose was it → conflict,
 *   or it changes hands
 */
import type { AnyObject } from '../../meta/object-meta.ts';
import { type JsonSchema, memberSchema } from '../json-schema.ts';
import { sameJson } from '../object-bytes.ts';
import { type Conflict, conflictError } from './conflicts.ts';
import { changedFields, fieldsWithin } from './extract.ts';
import {
  difference,
  type FieldSet,
  inOrder,
  intersection,
  isEmptySet,
  noFields,
  sameFields,
  union,
} from './field-set.ts';
import { fieldsOfLastApplied, kubectlManager } from './last-applied.ts';
import { decodeOwnerships, isSameManager, type Manager, type Ownership } from './managed-fields.ts';
import { merge, withoutFields } from './merge.ts';
import { emptyView, type TrackedView, wholeView } from './tracked-view.ts';

export interface Application {
  /** The live object with the configuration merged into it. */
  merged: AnyObject;
  /** The fields the configuration names. */
  fields: FieldSet;
  manager: Manager;
  /** Take conflicting fields over. */
  force: boolean;
  /** RFC 3339. */
  time: string;
}

export interface Applied {
  object: AnyObject;
  /** The applying manager is last, with the time of its entry before. */
  owners: Ownership[];
}

/** Owner of all there is, when an object nobody tracked is applied to for the first time. */
const beforeFirstApply = 'before-first-apply';

/** Throws ApiError Conflict. Does not change `live`. */
export function decideApply(schema: JsonSchema, live: AnyObject, application: Application): Applied {
  const { merged, fields, manager, force } = application;
  const owners = ownersOf(schema, live, application);
  const before = owners.find((owner) => isSameManager(owner, manager));
  const others = owners.filter((owner) => owner !== before);
  const owned = others.reduce((all, other) => union(all, other.fields), fields);
  const object = before
    ? (withoutFields(schema, merged, { before: before.fields, owned }) as AnyObject)
    : merged;
  const changed = changedFields(schema, wholeView(live), wholeView(object));
  const conflicts = others
    .map((owner): Conflict => ({ owner, fields: intersection(owner.fields, changed) }))
    .filter((conflict) => !isEmptySet(conflict.fields));
  if (!force) requireNoConflict(schema, live, { conflicts, manager });
  const mine: Ownership = {
    ...manager,
    fields: inOrder(fields),
    ...(before?.time === undefined ? {} : { time: before.time }),
  };
  const left = others.map((owner) => ({ ...owner, fields: difference(owner.fields, changed) }));
  return { object, owners: [...left, mine] };
}

function ownersOf(schema: JsonSchema, live: AnyObject, { manager, time }: Application): Ownership[] {
  const owners = decodeOwnerships(live.metadata.managedFields);
  if (owners.length > 0) return owners;
  const fields = inOrder(changedFields(schema, emptyView, wholeView(live)));
  const { apiVersion } = manager;
  return [{ manager: beforeFirstApply, operation: 'Update', apiVersion, time, fields }];
}

/** The root is merged member by member: what the configuration does not speak of stays as it is. */
export function mergeInto(schema: JsonSchema, live: AnyObject, configuration: TrackedView): AnyObject {
  const object: AnyObject = { ...live };
  for (const [name, value] of Object.entries(configuration))
    object[name] = merge(memberSchema(schema, name) ?? {}, live[name], value);
  return object;
}

function requireNoConflict(
  schema: JsonSchema,
  live: AnyObject,
  { conflicts, manager }: { conflicts: readonly Conflict[]; manager: Manager },
): void {
  if (conflicts.length === 0) return;
  const allowed = manager.manager === kubectlManager ? fieldsOfLastApplied(schema, live) : noFields;
  const left = conflicts
    .map(({ owner, fields }): Conflict => ({ owner, fields: difference(fields, allowed) }))
    .filter(({ fields }) => !isEmptySet(fields));
  if (left.length > 0) throw conflictError(left);
}

/**
 * The owners once the object has its final form: nobody owns what is not there, and the applying manager's
 * time moves only when it changed something.
 */
export function settleOwners(
  schema: JsonSchema,
  { owners, old, next }: { owners: readonly Ownership[]; old: AnyObject; next: AnyObject },
  time: string,
): Ownership[] {
  const view = wholeView(next);
  const settled = owners.map((owner) => ({ ...owner, fields: fieldsWithin(schema, owner.fields, view) }));
  const mine = settled.at(-1)!;
  const before = decodeOwnerships(old.metadata.managedFields).find((owner) => isSameManager(owner, mine));
  const same = before && sameFields(before.fields, mine.fields) && sameJson(wholeView(old), view);
  return [...settled.slice(0, -1), same ? { ...mine, apiVersion: before.apiVersion } : { ...mine, time }];
}
