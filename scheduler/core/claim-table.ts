/**
 * The claims tasks mount, and where their volumes are. Part of the node table.
 *
 * Invariant: a claim without a volume is, from the first task placed with it, where that task is: the API server
 * makes the volume there with the bind. As long as nobody has seen the volume, its space counts as taken.
 */
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/kinds/resources.ts';
import { isProvisioned, localProvisioner, nodeOfVolume } from '../../api/kinds/volume-names.ts';
import { keyOf } from '../../api/meta/object-meta.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';

/** What a claim means for a task that is to be placed. Equal states are equal as JSON. */
export interface ClaimState {
  /** Where its volume is, or will be. */
  node?: string;
  /** Of the disk: what must be set aside for the volume that is made for it. */
  bytes?: number;
  /** Why no task can have it now; follows its name. */
  problem?: string;
}

/** Takes bytes of a node's disk, or with a negative number gives them back. */
export type ChargeDisk = (node: string, bytes: number) => void;

interface Use {
  node: string;
  tasks: number;
  /** Counted as taken for a volume nobody has seen yet. */
  bytes: number;
}

export class ClaimTable {
  readonly #charge: ChargeDisk;
  readonly #claims = new Map<string, PersistentVolumeClaim>();
  readonly #volumes = new Map<string, PersistentVolume>();
  /** By the key of the claim they are for. */
  readonly #bound = new Map<string, PersistentVolume>();
  readonly #provisioners = new Map<string, string>();
  /** Tasks that are placed, by claim. */
  readonly #uses = new Map<string, Use>();

  constructor(charge: ChargeDisk) {
    this.#charge = charge;
  }

  of(key: string): ClaimState {
    const claim = this.#claims.get(key);
    if (!claim) return { problem: 'does not exist' };
    const { metadata, spec } = claim;
    if (metadata.deletionTimestamp !== undefined) return { problem: 'is being deleted' };
    const use = this.#uses.get(key);
    if (use && spec.accessModes.includes('ReadWriteOncePod')) return { problem: 'has a task already' };
    const volume = this.#bound.get(key);
    const node = volume?.spec.claimRef?.uid === metadata.uid ? volume && nodeOfVolume(volume) : use?.node;
    if (node !== undefined) return { node };
    if (spec.volumeName !== undefined) return { problem: 'waits for its volume' };
    if (this.#provisioners.get(spec.storageClassName ?? '') !== localProvisioner)
      return { problem: 'has no volume, and its class makes none' };
    if (spec.accessModes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany'))
      return { problem: 'asks for a volume of many nodes' };
    return { bytes: bytesOf(spec.resources.requests) };
  }

  setClaim(claim: PersistentVolumeClaim): void {
    this.#claims.set(keyOf(claim), claim);
  }

  removeClaim(claim: PersistentVolumeClaim): void {
    this.#claims.delete(keyOf(claim));
  }

  setClass({ metadata, provisioner }: StorageClass): void {
    this.#provisioners.set(metadata.name, provisioner);
  }

  removeClass({ metadata }: StorageClass): void {
    this.#provisioners.delete(metadata.name);
  }

  /** Gives the key of the claim it is for; undefined: it is nobody's. */
  setVolume(volume: PersistentVolume): string | undefined {
    const before = this.#volumes.get(volume.metadata.name);
    if (before) this.removeVolume(before);
    this.#volumes.set(volume.metadata.name, volume);
    this.#chargeFor(volume, 1);
    const key = claimKeyOf(volume);
    if (key === undefined) return undefined;
    this.#bound.set(key, volume);
    const use = this.#uses.get(key);
    if (use) this.#giveBack(use);
    return key;
  }

  removeVolume(volume: PersistentVolume): string | undefined {
    const { name } = volume.metadata;
    if (this.#volumes.delete(name)) this.#chargeFor(volume, -1);
    const key = claimKeyOf(volume);
    if (key !== undefined && this.#bound.get(key)?.metadata.name === name) this.#bound.delete(key);
    return key;
  }

  /** A task with the claim is placed on the node. */
  take(key: string, node: string): void {
    const use = this.#uses.get(key) ?? this.#firstUse(key, node);
    use.tasks++;
    this.#uses.set(key, use);
  }

  /** That task is gone, or was never there. */
  release(key: string): void {
    const use = this.#uses.get(key);
    if (!use || --use.tasks > 0) return;
    this.#uses.delete(key);
    this.#giveBack(use);
  }

  #firstUse(key: string, node: string): Use {
    const { bytes = 0 } = this.of(key);
    if (bytes > 0) this.#charge(node, bytes);
    return { node, tasks: 0, bytes };
  }

  #giveBack(use: Use): void {
    if (use.bytes > 0) this.#charge(use.node, -use.bytes);
    use.bytes = 0;
  }

  #chargeFor(volume: PersistentVolume, sign: 1 | -1): void {
    const node = nodeOfVolume(volume);
    const bytes = bytesOf(volume.spec.capacity);
    if (node !== undefined && bytes > 0 && isProvisioned(volume)) this.#charge(node, sign * bytes);
  }
}

function claimKeyOf({ spec: { claimRef } }: PersistentVolume): string | undefined {
  return claimRef?.uid === undefined ? undefined : `${claimRef.namespace}/${claimRef.name}`;
}

function bytesOf(list: Record<string, string>): number {
  return resourceAmounts(list)['storage'] ?? 0;
}
