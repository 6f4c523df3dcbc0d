/** The volume that is made for a claim on the node of its first task, and what volumes have set aside there. Pure. */
import { apiVersionOf, names } from '../kinds/names.ts';
import type { PersistentVolume } from '../kinds/persistent-volume.ts';
import type { PersistentVolumeClaim } from '../kinds/persistent-volume-claim.ts';
import type { StorageClass } from '../kinds/storage-class.ts';
import {
  affinityTo,
  isProvisioned,
  localProvisioner,
  localVolumeFinalizer,
  nodeOfVolume,
  provisionedByAnnotation,
  volumeProtection,
} from '../kinds/volume-names.ts';
import { resourceAmounts } from '../meta/quantity.ts';

/** Named after the claim's uid: two tries make one volume. The caller stamps it. */
export function localVolume(
  { metadata, spec }: PersistentVolumeClaim,
  { reclaimPolicy }: Pick<StorageClass, 'reclaimPolicy'>,
  { node, directory }: { node: string; directory: string },
): PersistentVolume {
  const { namespace = '', uid = '' } = metadata;
  const name = `pvc-${uid}`;
  const claim = {
    apiVersion: apiVersionOf(names.PersistentVolumeClaim),
    kind: names.PersistentVolumeClaim.kind,
  };
  return {
    apiVersion: apiVersionOf(names.PersistentVolume),
    kind: names.PersistentVolume.kind,
    metadata: {
      name,
      annotations: { [provisionedByAnnotation]: localProvisioner },
      finalizers: [volumeProtection, localVolumeFinalizer],
    },
    spec: {
      accessModes: spec.accessModes,
      capacity: { storage: spec.resources.requests['storage'] ?? '0' },
      local: { path: `${directory}/${name}` },
      nodeAffinity: affinityTo(node),
      claimRef: { ...claim, namespace, name: metadata.name, uid },
      persistentVolumeReclaimPolicy: reclaimPolicy,
      ...(spec.storageClassName === undefined ? {} : { storageClassName: spec.storageClassName }),
      volumeMode: 'Filesystem',
    },
    status: { phase: 'Pending' },
  };
}

/** On which node space is set aside for the volume; undefined: nowhere, nobody made it. */
export function nodeThatHolds(volume: PersistentVolume): string | undefined {
  return isProvisioned(volume) ? nodeOfVolume(volume) : undefined;
}

export function bytesOf({ spec }: PersistentVolume): number {
  return resourceAmounts(spec.capacity)['storage'] ?? 0;
}
