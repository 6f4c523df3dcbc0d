/** Claims that name no class get the class that is marked as the default; of several, the newest. */

import { names } from '../../kinds/names.ts';
import type { PersistentVolumeClaim } from '../../kinds/persistent-volume-claim.ts';
import { defaultClassAnnotation } from '../../kinds/volume-names.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import type { Call } from '../call.ts';

export function admitClaim({ backend: { cache } }: Call, claim: AnyObject): void {
  const { spec } = claim as unknown as PersistentVolumeClaim;
  if (spec.storageClassName !== undefined) return;
  const [newest] = [...cache.kind(names.StorageClass).list()]
    .map((storageClass) => storageClass.parse().metadata)
    .filter(({ annotations = {} }) => annotations[defaultClassAnnotation] === 'true')
    .sort((left, right) => ((left.creationTimestamp ?? '') > (right.creationTimestamp ?? '') ? -1 : 1));
  if (newest) spec.storageClassName = newest.name;
}
