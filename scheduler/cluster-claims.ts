/** The claims' part of the cluster state: what watch events say of them, and whom that may help. */
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../api/kinds/resources.ts';
import { nodeOfVolume } from '../api/kinds/volume-names.ts';
import { keyOf } from '../api/meta/object-meta.ts';
import type { ClaimTable } from './core/claim-table.ts';
import type { ClusterEvent } from './core/plugin.ts';

interface Ears {
  onEvent: (event: ClusterEvent) => void;
  /** Room on that node. */
  onFree: (node: string) => void;
}

export class ClusterClaims {
  readonly #table: ClaimTable;
  readonly #ears: Ears;

  constructor(table: ClaimTable, ears: Ears) {
    this.#table = table;
    this.#ears = ears;
  }

  setClaim(claim: PersistentVolumeClaim, isGone = false): void {
    if (isGone) this.#table.removeClaim(claim);
    else this.#table.setClaim(claim);
    this.#ears.onEvent({ type: 'ClaimChanged', claim: keyOf(claim) });
  }

  setVolume(volume: PersistentVolume, isGone = false): void {
    const claim = isGone ? this.#table.removeVolume(volume) : this.#table.setVolume(volume);
    if (claim !== undefined) this.#ears.onEvent({ type: 'ClaimChanged', claim });
    if (isGone) this.#ears.onFree(nodeOfVolume(volume) ?? '');
  }

  setStorageClass(storageClass: StorageClass, isGone = false): void {
    if (isGone) this.#table.removeClass(storageClass);
    else this.#table.setClass(storageClass);
    this.#ears.onEvent({ type: 'ClaimChanged', claim: undefined });
  }
}
