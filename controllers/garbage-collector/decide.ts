/**
 * What becomes of one object because of who owns it and whom it owns. Pure.
 *
 *   background  owner gone            ──▶ the object is deleted
 *   foreground  owner going, waiting  ──▶ its dependents are deleted, then its finalizer comes off
 *   orphan      owner going, waiting  ──▶ its dependents forget it, then its finalizer comes off
 *
 * Invariant: an object with an owner that exists, or that cannot be looked up, is never deleted.
 */
import type { KubeObject, OwnerReference } from '../../api/meta/object-meta.ts';

/** Finalizers the API server puts on an object that is deleted with such a propagationPolicy. */
export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

export type OwnerState = 'present' | 'absent' | 'unknown';

export type Verdict =
  | { type: 'keep' }
  | { type: 'delete' }
  | { type: 'deleteDependents'; dependents: readonly KubeObject[] }
  | { type: 'orphanDependents'; dependents: readonly KubeObject[] }
  /** The finalizer comes off. */
  | { type: 'release'; finalizer: string };

export function decideChild(
  { metadata }: KubeObject,
  stateOf: (owner: OwnerReference) => OwnerState,
): Verdict {
  const owners = metadata.ownerReferences ?? [];
  if (owners.length === 0 || metadata.deletionTimestamp !== undefined) return { type: 'keep' };
  return owners.every((owner) => stateOf(owner) === 'absent') ? { type: 'delete' } : { type: 'keep' };
}

/** Which of the collector's finalizers holds a going object; undefined when none does. */
export function heldBy({ metadata }: KubeObject): string | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined;
  return metadata.finalizers?.find((name) => name === foregroundFinalizer || name === orphanFinalizer);
}

export function decideOwner(finalizer: string, dependents: readonly KubeObject[], uid: string): Verdict {
  if (finalizer === orphanFinalizer) {
    return dependents.length > 0 ? { type: 'orphanDependents', dependents } : { type: 'release', finalizer };
  }
  const staying = dependents.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (staying.length > 0) return { type: 'deleteDependents', dependents: staying };
  const isBlocked = dependents.some(({ metadata }) =>
    metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
  );
  return isBlocked ? { type: 'keep' } : { type: 'release', finalizer };
}

/** The object without any reference to that owner. */
export function withoutOwner<T extends KubeObject>(object: T, uid: string): T {
  const { ownerReferences = [], ...metadata } = object.metadata;
  const kept = ownerReferences.filter((owner) => owner.uid !== uid);
  return { ...object, metadata: kept.length > 0 ? { ...metadata, ownerReferences: kept } : metadata };
}

export function withoutFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  const { finalizers = [], ...metadata } = object.metadata;
  const kept = finalizers.filter((name) => name !== finalizer);
  return { ...object, metadata: kept.length > 0 ? { ...metadata, finalizers: kept } : metadata };
}
