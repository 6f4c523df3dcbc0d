/**
 * What becomes of claims and volumes beside what binds decide (api/server/bind-claims.ts): their phases, which
 * volume a claim gets that names one, and when they may go. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/kinds/resources.ts';
import { claimProtection, localVolumeFinalizer, volumeProtection } from '../../api/kinds/volume-names.ts';

export type ClaimAction =
  | { do: 'release' }
  | { do: 'setStatus'; status: PersistentVolumeClaim['status'] }
  /** The volume it names, or is named by, is free: it is to be the claim's. */
  | { do: 'bind'; volume: PersistentVolume }
  | { do: 'tell'; reason: string; message: string; type: 'Normal' | 'Warning' };

export interface ClaimFacts {
  /** The volume it names. */
  volume: PersistentVolume | undefined;
  /** Those that are kept for it by name. */
  reserved: readonly PersistentVolume[];
  /** A task that holds something of a node mounts it. */
  isUsed: boolean;
  /** Its class makes volumes where tasks go. */
  waitsForConsumer: boolean;
}

export function decideClaim(
  claim: PersistentVolumeClaim,
  { volume, reserved, isUsed, waitsForConsumer }: ClaimFacts,
): ClaimAction[] {
  const { metadata, spec } = claim;
  if (metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(claimProtection))
    return isUsed ? [] : [{ do: 'release' }];
  const wanted = claimStatus(claim, volume);
  if (!isDeepStrictEqual(wanted, claim.status)) {
    const isNew = wanted.phase !== claim.status.phase;
    return [{ do: 'setStatus', status: wanted }, ...(isNew ? tellPhase(claim, wanted.phase) : [])];
  }
  if (wanted.phase === 'Bound') return [];
  const free = spec.volumeName === undefined ? reserved : volume ? [volume] : [];
  const [candidate] = free.filter((one) => isFreeFor(one, claim));
  if (candidate) return [{ do: 'bind', volume: candidate }];
  if (wanted.phase === 'Lost' || spec.volumeName !== undefined) return [];
  return [waitsForConsumer ? waitsForTask : nobodyMakesIt(claim)];
}

const waitsForTask: ClaimAction = {
  do: 'tell',
  type: 'Normal',
  reason: 'WaitForFirstConsumer',
  message: 'waiting for first consumer to be created before binding',
};

function nobodyMakesIt({ spec }: PersistentVolumeClaim): ClaimAction {
  const named = JSON.stringify(spec.storageClassName ?? '');
  const message = `no volume names this claim, and storage class ${named} makes none`;
  return { do: 'tell', type: 'Normal', reason: 'FailedBinding', message };
}

function tellPhase({ spec }: PersistentVolumeClaim, phase: string): ClaimAction[] {
  if (phase === 'Lost')
    return [
      { do: 'tell', type: 'Warning', reason: 'ClaimLost', message: `volume ${spec.volumeName} is gone` },
    ];
  if (phase !== 'Bound') return [];
  return [{ do: 'tell', type: 'Normal', reason: 'Bound', message: `bound to volume ${spec.volumeName}` }];
}

function claimStatus(
  { metadata, spec, status }: PersistentVolumeClaim,
  volume: PersistentVolume | undefined,
): PersistentVolumeClaim['status'] {
  const { capacity: _capacity, accessModes: _modes, ...rest } = status;
  if (spec.volumeName !== undefined && volume?.spec.claimRef?.uid === metadata.uid && volume) {
    const { accessModes, capacity } = volume.spec;
    return { ...rest, phase: 'Bound', accessModes, capacity };
  }
  const hadOne = status.phase === 'Bound' || status.phase === 'Lost';
  return { ...rest, phase: hadOne ? 'Lost' : 'Pending' };
}

/** It is nobody's, or kept for a claim of this name; and it is what is asked for. */
function isFreeFor({ metadata, spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef, storageClassName = '', accessModes } = spec;
  const isKept = claimRef?.name === claim.metadata.name && claimRef.namespace === claim.metadata.namespace;
  return (
    metadata.deletionTimestamp === undefined &&
    (claimRef === undefined || (isKept && claimRef.uid === undefined)) &&
    storageClassName === (claim.spec.storageClassName ?? '') &&
    claim.spec.accessModes.every((mode) => accessModes.includes(mode))
  );
}

export type VolumeAction =
  | { do: 'setPhase'; phase: PersistentVolume['status']['phase'] }
  | { do: 'delete' }
  | { do: 'drop'; finalizer: string };

export interface VolumeFacts {
  /** The very claim it is for exists. */
  hasClaim: boolean;
  /** Somebody can remove what is in it. */
  hasNode: boolean;
}

export function decideVolume(
  { metadata, spec, status }: PersistentVolume,
  { hasClaim, hasNode }: VolumeFacts,
): VolumeAction[] {
  const phase = spec.claimRef?.uid === undefined ? 'Available' : hasClaim ? 'Bound' : 'Released';
  const { deletionTimestamp, finalizers = [] } = metadata;
  if (deletionTimestamp !== undefined) {
    if (phase !== 'Bound' && finalizers.includes(volumeProtection))
      return [{ do: 'drop', finalizer: volumeProtection }];
    // What is on a node that is no more is lost anyway.
    if (!hasNode && finalizers.join() === localVolumeFinalizer)
      return [{ do: 'drop', finalizer: localVolumeFinalizer }];
  }
  if (phase !== status.phase) return [{ do: 'setPhase', phase }];
  const isOver = phase === 'Released' && deletionTimestamp === undefined;
  return isOver && spec.persistentVolumeReclaimPolicy === 'Delete' ? [{ do: 'delete' }] : [];
}
