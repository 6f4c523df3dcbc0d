/**
 * The newest known state of every object of one kind, by key and by index: what reconcilers, the
 * scheduler and node agents read instead of asking the API server.
 *
 * Objects in it are shared by all readers and must not be changed (copy first). Only its informer writes.
 * Invariant: an object is in each index exactly under the values its index function gives for it.
 */
import { type KubeObject, keyOf } from '../api/meta/object-meta.ts';
import type { ObjectKey } from './client.ts';

/** The values an object is found under; none leaves it out of the index. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** The reading side of a cache. All answers are snapshots: arrays of live, read-only objects. */
export interface ObjectReader<T extends KubeObject> {
  readonly size: number;
  /** By `namespace/name` (or `name` for cluster-scoped kinds), in either form. */
  get(key: string | ObjectKey): T | undefined;
  /** All objects, or those of one namespace. */
  list(namespace?: string): T[];
  /** Objects that carry an owner reference to `owner` (by uid). */
  ownedBy(owner: { metadata: { uid?: string } }): T[];
  /** Objects under `value` in an index made with `addIndex`. */
  by(index: string, value: string): T[];
}

interface Index<T> {
  valuesOf: IndexFunction<T>;
  keys: Map<string, Set<string>>;
}

const namespaceIndex = 'namespace';
const ownerIndex = 'owner';

/** An index function over the value of one label. */
export function byLabel(label: string): IndexFunction<KubeObject> {
  return ({ metadata }) => {
    const value = metadata.labels?.[label];
    return value === undefined ? [] : [value];
  };
}

export class ObjectCache<T extends KubeObject> implements ObjectReader<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor() {
    this.addIndex(namespaceIndex, ({ metadata }) => [metadata.namespace ?? '']);
    this.addIndex(ownerIndex, ({ metadata }) => metadata.ownerReferences?.map(({ uid }) => uid) ?? []);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string | ObjectKey): T | undefined {
    return this.#objects.get(typeof key === 'string' ? key : keyOf({ metadata: key }));
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.by(namespaceIndex, namespace);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  ownedBy({ metadata }: { metadata: { uid?: string } }): T[] {
    return metadata.uid === undefined ? [] : this.by(ownerIndex, metadata.uid);
  }

  by(index: string, value: string): T[] {
    const entry = this.#indexes.get(index);
    if (!entry) throw new RangeError(`no index called ${JSON.stringify(index)}`);
    const found: T[] = [];
    for (const key of entry.keys.get(value) ?? []) found.push(this.#objects.get(key)!);
    return found;
  }

  /** Adds an index, also over what is there already. The same name again replaces it. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    const index: Index<T> = { valuesOf, keys: new Map() };
    for (const [key, object] of this.#objects) insert(index, key, object);
    this.#indexes.set(name, index);
  }

  /** Puts the object in; gives what it replaced. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const previous = this.remove(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) insert(index, key, object);
    return previous;
  }

  remove(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (!previous) return undefined;
    for (const index of this.#indexes.values()) withdraw(index, key, previous);
    this.#objects.delete(key);
    return previous;
  }
}

function insert<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const keys = index.keys.get(value);
    if (keys) keys.add(key);
    else index.keys.set(value, new Set([key]));
  }
}

function withdraw<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const keys = index.keys.get(value);
    if (keys?.delete(key) && keys.size === 0) index.keys.delete(value);
  }
}
