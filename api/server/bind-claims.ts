/**
 * The claims of tasks that are being bound. A claim without a volume gets one with its first task: on that task's
 * node, in the transaction that binds it. From then on its tasks are bound to that node alone. So two tasks of
 * one new claim never end up on two nodes, whoever schedules them.
 *
 *   ClaimSights   what is known of claims and their volumes, from the cache or the store
 *   ClaimPlan     what becomes of them in one try of a transaction
 */
import { names } from '../kinds/names.ts';
import type { PersistentVolume } from '../kinds/persistent-volume.ts';
import type { PersistentVolumeClaim } from '../kinds/persistent-volume-claim.ts';
import type { StorageClass } from '../kinds/storage-class.ts';
import type { Task } from '../kinds/task.ts';
import { claimKeysOf } from '../kinds/task-references.ts';
import { localProvisioner, nodeOfVolume } from '../kinds/volume-names.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { Compare, KeyValue, Operation } from '../store/store.ts';
import { diskResource, type NodeSpace } from './allocation.ts';
import { CachedObject } from './cached-object.ts';
import type { Backend } from './call.ts';
import { storeKey } from './keys.ts';
import { bytesOf, localVolume } from './local-volume.ts';
import { encodeObject } from './object-bytes.ts';
import { stampObject } from './object-lifecycle.ts';

type ClaimBackend = Pick<Backend, 'writes' | 'cache' | 'clock' | 'random'>;

/** A claim as it was last seen, and the volume it names. */
interface ClaimSight {
  claim?: PersistentVolumeClaim;
  revision: number;
  volume?: PersistentVolume;
}

export class ClaimSights {
  readonly backend: ClaimBackend;
  readonly #seen = new Map<string, ClaimSight>();

  constructor(backend: ClaimBackend) {
    this.backend = backend;
  }

  of(key: string): ClaimSight {
    const known = this.#seen.get(key);
    if (known) return known;
    const { cache } = this.backend;
    const claim = cache.kind(names.PersistentVolumeClaim).get(key);
    const sight = sightOf(claim, (name) => cache.kind(names.PersistentVolume).get(name));
    this.#seen.set(key, sight);
    return sight;
  }

  /** What the store has now of the claims of these tasks. */
  async fetch(tasks: Iterable<CachedObject | undefined>): Promise<void> {
    const keys = new Set([...tasks].flatMap((task) => (task ? claimKeysOf(parsed<Task>(task)) : [])));
    await Promise.all(
      [...keys].map(async (key) => this.learn(key, await this.#read(names.PersistentVolumeClaim, key))),
    );
  }

  /** The claim is as the store has it; its volume has to be looked up. */
  async learn(key: string, kv: KeyValue | undefined): Promise<void> {
    const claim = kv && CachedObject.fromStore(key, kv);
    const { volumeName } = sightOf(claim, () => undefined).claim?.spec ?? {};
    const volume =
      volumeName === undefined ? undefined : await this.#read(names.PersistentVolume, volumeName);
    this.#seen.set(
      key,
      sightOf(claim, (name) => volume && CachedObject.fromStore(name, volume)),
    );
  }

  async #read(kind: Parameters<typeof storeKey>[0], key: string): Promise<KeyValue | undefined> {
    return (await this.backend.writes.get(storeKey(kind, key))).kv;
  }
}

function sightOf(
  claim: CachedObject | undefined,
  volumeOf: (name: string) => CachedObject | undefined,
): ClaimSight {
  if (!claim) return { revision: 0 };
  const seen = parsed<PersistentVolumeClaim>(claim);
  const { volumeName } = seen.spec;
  const volume = volumeName === undefined ? undefined : volumeOf(volumeName);
  return { claim: seen, revision: claim.revision, ...(volume ? { volume: parsed(volume) } : {}) };
}

/** What a task gets with its bind. */
export interface TaskClaims {
  /** For its spec. */
  paths: Record<string, string>;
  /** For its record. */
  keys: string[];
  /** Made for it, by the keys of the claims. */
  made: Map<string, PersistentVolume>;
  /** Of the node's disk, for what is made. */
  bytes: number;
}

export class ClaimPlan {
  readonly #sights: ClaimSights;
  readonly #used = new Set<string>();
  readonly #made = new Map<string, PersistentVolume>();

  constructor(sights: ClaimSights) {
    this.#sights = sights;
  }

  /** What the task would get on the node, or why it cannot be there. Changes nothing. */
  look(task: Task, node: string, space: NodeSpace): TaskClaims | string {
    const looked: TaskClaims = { paths: {}, keys: claimKeysOf(task), made: new Map(), bytes: 0 };
    for (const key of looked.keys) {
      const { claim, volume: bound } = this.#sights.of(key);
      const name = key.slice(key.indexOf('/') + 1);
      if (!claim) return `persistentvolumeclaim ${JSON.stringify(name)} not found`;
      const known = this.#made.get(key) ?? bound;
      const volume = known ?? this.#make(claim, { node, space });
      const problem = typeof volume === 'string' ? volume : claimProblem(claim, volume, { node, key, space });
      if (typeof volume === 'string' || problem !== undefined)
        return `persistentvolumeclaim ${JSON.stringify(name)} ${problem}`;
      looked.paths[name] = volume.spec.local.path;
      if (known) continue;
      looked.made.set(key, volume);
      looked.bytes += bytesOf(volume);
    }
    return looked;
  }

  /** The task gets what `look` gave. */
  take({ keys, made }: TaskClaims, { allocation, used }: NodeSpace): void {
    for (const key of keys) this.#used.add(key);
    for (const [key, volume] of made) {
      const bytes = bytesOf(volume);
      this.#made.set(key, volume);
      allocation.volumes = { ...allocation.volumes, [volume.metadata.name]: bytes };
      used[diskResource] = (used[diskResource] ?? 0) + bytes;
    }
  }

  /** Those of the claims first: `learn` is told what they found. */
  get compares(): Compare[] {
    return [
      ...[...this.#used].map((key) => ({
        key: storeKey(names.PersistentVolumeClaim, key),
        modRevision: this.#sights.of(key).revision,
      })),
      ...[...this.#made.values()].map(({ metadata }) => ({
        key: storeKey(names.PersistentVolume, metadata.name),
        modRevision: 0,
      })),
    ];
  }

  get operations(): Operation[] {
    return [...this.#made].flatMap(([key, volume]): Operation[] => {
      const claim = this.#sights.of(key).claim!;
      const bound = { ...claim, spec: { ...claim.spec, volumeName: volume.metadata.name } };
      return [
        putOf(names.PersistentVolumeClaim, key, bound),
        putOf(names.PersistentVolume, volume.metadata.name, volume),
      ];
    });
  }

  async learn(current: readonly (KeyValue | undefined)[]): Promise<void> {
    await Promise.all([...this.#used].map((key, index) => this.#sights.learn(key, current[index])));
  }

  #make(
    claim: PersistentVolumeClaim,
    { node, space }: { node: string; space: NodeSpace },
  ): PersistentVolume | string {
    const { volumeName, storageClassName = '', accessModes } = claim.spec;
    const { cache, clock, random } = this.#sights.backend;
    if (volumeName !== undefined) return `waits for volume ${volumeName}`;
    const found = cache.kind(names.StorageClass).get(storageClassName);
    const storageClass = found && parsed<StorageClass>(found);
    if (storageClass?.provisioner !== localProvisioner)
      return `has no volume, and class ${JSON.stringify(storageClassName)} makes none`;
    if (accessModes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany'))
      return 'asks for a volume of many nodes, and local volumes are on one';
    if (space.volumeDirectory === undefined)
      return `cannot be on node ${node}, which has no place for volumes`;
    const volume = localVolume(claim, storageClass, { node, directory: space.volumeDirectory });
    stampObject(volume as unknown as AnyObject, { nowMs: clock.now(), random });
    return volume;
  }
}

/** Why a task cannot have the claim on that node, following its name. */
function claimProblem(
  { metadata, spec }: PersistentVolumeClaim,
  volume: PersistentVolume,
  { node, key, space }: { node: string; key: string; space: NodeSpace },
): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'is being deleted';
  if (volume.spec.claimRef?.uid !== metadata.uid) return `waits for volume ${volume.metadata.name}`;
  const place = nodeOfVolume(volume);
  if (place !== node) return `is on node ${place}`;
  if (!spec.accessModes.includes('ReadWriteOncePod')) return undefined;
  const holder = Object.entries(space.allocation.tasks).find(([, { claims = [] }]) => claims.includes(key));
  return holder && `is for one task, and ${holder[0]} has it`;
}

function parsed<T>(object: CachedObject): T {
  return object.parse() as unknown as T;
}

function putOf(
  kind: Parameters<typeof encodeObject>[0] & Parameters<typeof storeKey>[0],
  key: string,
  object: PersistentVolume | PersistentVolumeClaim,
): Operation {
  return { type: 'put', key: storeKey(kind, key), value: encodeObject(kind, object as unknown as AnyObject) };
}
