/** The claims of a copied cell, with their volumes and classes. */
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/kinds/resources.ts';
import type { ClusterState } from '../cluster-state.ts';

export interface CellClaims {
  claims: readonly PersistentVolumeClaim[];
  volumes: readonly PersistentVolume[];
  classes: readonly StorageClass[];
}

export function setClaims(
  { claims: state }: Pick<ClusterState, 'claims'>,
  { claims, volumes, classes }: CellClaims,
): void {
  for (const storageClass of classes) state.setStorageClass(storageClass);
  for (const claim of claims) state.setClaim(claim);
  for (const volume of volumes) state.setVolume(volume);
}
