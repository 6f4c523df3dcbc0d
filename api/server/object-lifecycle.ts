/**
 * The fields of an object that belong to the server: what a new object starts with, what an update may not
 * touch, how a deletion goes. Pure; the same for every kind.
 *
 *   created ──▶ live ──delete──▶ terminating (grace or finalizers) ──▶ gone
 *                └────────────── delete, nothing to wait for ────────▶ gone
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import { ApiError, type Cause } from '../meta/api-error.ts';
import { type AnyObject, timestamp } from '../meta/object-meta.ts';
import type { Random } from '../meta/random.ts';
import { sameJson } from './object-bytes.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** A version 4 UUID from the injected randomness. */
export function newUid(random: Random): string {
  const bytes = Buffer.alloc(16);
  for (let at = 0; at < 16; at += 4) bytes.writeUInt32BE(Math.floor(random.next() * 0x1_0000_0000), at);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Clears what a client may not set; the name is settled already. Runs before the kind's defaults. */
export function startObject(kind: AnyKind, draft: AnyObject): void {
  draft.apiVersion = apiVersionOf(kind);
  draft.kind = kind.kind;
  const { metadata } = draft;
  for (const field of [
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'managedFields',
    'selfLink',
  ]) {
    delete (metadata as unknown as Record<string, unknown>)[field];
  }
  if (kind.statusSubresource) delete draft.status;
}

/** Gives the new object its identity. Runs after the defaults: kinds tell a new object by its missing uid. */
export function stampObject(draft: AnyObject, { nowMs, random }: { nowMs: number; random: Random }): void {
  draft.metadata.uid = newUid(random);
  draft.metadata.generation = 1;
  draft.metadata.creationTimestamp = timestamp(nowMs);
}

/** The update as it will be stored: `proposed` with the server's fields, and the status, of `old`. */
export function carryServerFields(kind: AnyKind, proposed: AnyObject, old: AnyObject): AnyObject {
  const { resourceVersion: _version, ...kept } = proposed.metadata;
  const metadata = {
    ...kept,
    name: old.metadata.name,
    uid: old.metadata.uid,
    generation: old.metadata.generation,
    creationTimestamp: old.metadata.creationTimestamp,
    deletionTimestamp: old.metadata.deletionTimestamp,
    deletionGracePeriodSeconds: old.metadata.deletionGracePeriodSeconds,
    managedFields: old.metadata.managedFields,
    namespace: old.metadata.namespace,
    generateName: old.metadata.generateName,
  } as AnyObject['metadata'];
  const next: AnyObject = { ...proposed, apiVersion: old.apiVersion, kind: old.kind, metadata };
  if (kind.statusSubresource) {
    if (old.status === undefined) delete next.status;
    else next.status = old.status;
  }
  return next;
}

/** `old` with the status of `proposed`. */
export function withStatusOf(proposed: AnyObject, old: AnyObject): AnyObject {
  const { status: _status, ...rest } = old;
  return proposed.status === undefined ? rest : { ...rest, status: proposed.status };
}

/** Counts the generation up when anything but metadata and status changed. */
export function countGeneration(kind: AnyKind, next: AnyObject, old: AnyObject): void {
  const outside = new Set(['metadata', 'status', ...(kind.strategy.fieldsOutsideGeneration ?? [])]);
  const fields = new Set([...Object.keys(next), ...Object.keys(old)]);
  for (const field of fields) {
    if (outside.has(field) || sameJson(next[field], old[field])) continue;
    next.metadata.generation = (old.metadata.generation ?? 1) + 1;
    return;
  }
}

/** What an object that is being deleted still allows: finalizers may go, none may come. */
export function deletionCauses(next: AnyObject, old: AnyObject): Cause[] {
  if (old.metadata.deletionTimestamp === undefined) return [];
  const before = old.metadata.finalizers ?? [];
  const added = (next.metadata.finalizers ?? []).filter((finalizer) => !before.includes(finalizer));
  if (added.length === 0) return [];
  return [
    {
      field: 'metadata.finalizers',
      message: `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
      reason: 'FieldValueForbidden',
    },
  ];
}

/** Nothing and nobody has to be waited for any more. */
export function isDoneDeleting({ metadata }: AnyObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = metadata;
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && finalizers.length === 0;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}

/** The object as a delete leaves it; whether it can go at once is `isDoneDeleting`. */
export function markDeleted(kind: AnyKind, old: AnyObject, options: DeleteOptions, nowMs: number): AnyObject {
  const { finalizers: _finalizers, ...metadata } = old.metadata;
  const finalizers = finalizersAfter(old, options.propagationPolicy);
  const next: AnyObject = {
    ...old,
    metadata: {
      ...metadata,
      ...(finalizers.length > 0 ? { finalizers } : {}),
      ...deadlineAfter(kind, old, options, nowMs),
    },
  };
  kind.strategy.beginDeletion?.(next);
  return next;
}

/** The first delete sets the deadline; later ones may bring it forward, never put it off. */
function deadlineAfter(
  kind: AnyKind,
  old: AnyObject,
  { gracePeriodSeconds }: DeleteOptions,
  nowMs: number,
): Partial<AnyObject['metadata']> {
  const { deletionTimestamp, deletionGracePeriodSeconds: granted = 0, generation = 1 } = old.metadata;
  const usual = kind.strategy.gracePeriodSeconds?.(old) ?? 0;
  const wanted = usual === 0 ? 0 : (gracePeriodSeconds ?? usual);
  if (deletionTimestamp === undefined) {
    return {
      generation: generation + 1,
      deletionTimestamp: timestamp(nowMs + wanted * 1000),
      deletionGracePeriodSeconds: wanted,
    };
  }
  // Nothing left to wait for (usual 0) counts as asking for no grace.
  if (wanted >= granted || (gracePeriodSeconds === undefined && usual > 0)) return {};
  const deadlineMs = Date.parse(deletionTimestamp) - (granted - wanted) * 1000;
  return { deletionTimestamp: timestamp(deadlineMs), deletionGracePeriodSeconds: wanted };
}

function finalizersAfter({ metadata }: AnyObject, policy: DeleteOptions['propagationPolicy']): string[] {
  const { finalizers = [] } = metadata;
  if (policy === undefined) return finalizers;
  const others = finalizers.filter((name) => name !== foregroundFinalizer && name !== orphanFinalizer);
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  return policy === 'Orphan' ? [...others, orphanFinalizer] : others;
}

/** Throws ApiError Conflict when the object is not the one the caller means. */
export function checkPreconditions(
  resource: { group: string; plural: string },
  old: AnyObject,
  { uid, resourceVersion }: { uid?: string | undefined; resourceVersion?: string | undefined },
): void {
  const { name, uid: actualUid } = old.metadata;
  if (uid !== undefined && uid !== '' && uid !== actualUid) {
    throw conflict(
      resource,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${actualUid}`,
    );
  }
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) {
    throw conflict(
      resource,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

export function conflict(resource: { group: string; plural: string }, name: string, why: string): ApiError {
  return new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} ${JSON.stringify(name)}: ${why}`,
    {
      name,
      group: resource.group,
      kind: resource.plural,
    },
  );
}

export function notFound(resource: { group: string; plural: string }, name: string): ApiError {
  return new ApiError('NotFound', `${qualified(resource)} ${JSON.stringify(name)} not found`, {
    name,
    group: resource.group,
    kind: resource.plural,
  });
}

/** `jobs.gantry.dev`, `nodes`: how messages name a resource. */
export function qualified({ group, plural }: { group: string; plural: string }): string {
  return group === '' ? plural : `${plural}.${group}`;
}
