/**
 * The watch cache of one kind: its current objects in key order, and a ring of its latest events, from which
 * a watch can go on where another ended.
 *
 * Invariant: `objects` is the state at the last revision published; the ring has every event of the kind
 * after `oldestRevision`.
 */
import type { Revision } from '../store/store.ts';
import type { CachedObject } from './cached-object.ts';

export interface KindEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  revision: Revision;
  /** The object after the event; for DELETED its last state at the deletion's revision. */
  object: CachedObject;
  /** The object before the event; absent for ADDED. */
  previous: CachedObject | undefined;
}

export interface KindListener {
  onEvent(event: KindEvent): void;
  /** The cache was filled anew: what happened in between is not known. */
  onReset(): void;
}

const ringEvents = 20_000;
const ringBytes = 32 * 1024 * 1024;

export class KindCache {
  readonly #objects = new Map<string, CachedObject>();
  /** Keys of `#objects` in byte order; keys are ASCII, so plain comparison is byte order. */
  #keys: string[] = [];
  #ring: KindEvent[] = [];
  #ringStart = 0;
  #ringBytes = 0;
  readonly #listeners = new Set<KindListener>();
  /** Events at or before it may be missing from the ring. */
  oldestRevision: Revision;

  constructor(oldestRevision: Revision) {
    this.oldestRevision = oldestRevision;
  }

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): CachedObject | undefined {
    return this.#objects.get(key);
  }

  /** Keys in order; do not change the array. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** Objects in key order: all of them, or those of one namespace; only after the key `after`. */
  *list({
    namespace,
    after = '',
  }: {
    namespace?: string | undefined;
    after?: string;
  } = {}): Generator<CachedObject> {
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    const keys = this.#keys;
    for (
      let at = after > prefix ? lowerBound(keys, `${after}\0`) : lowerBound(keys, prefix);
      at < keys.length;
      at++
    ) {
      const key = keys[at] ?? '';
      if (!key.startsWith(prefix)) return;
      yield this.#objects.get(key)!;
    }
  }

  /**
   * Events after `revision`, oldest first; undefined when some of them are no longer in the ring. When
   * `revision` itself has several events (a bulk bind), they come again: a client whose connection broke
   * between them knows that revision, and must not miss the rest.
   */
  eventsAfter(revision: Revision): KindEvent[] | undefined {
    if (revision < this.oldestRevision) return undefined;
    let start = this.#firstAfter(revision);
    const before = (at: number): Revision | undefined =>
      at >= this.#ringStart ? this.#ring[at]?.revision : undefined;
    if (before(start - 1) === revision && before(start - 2) === revision) {
      while (before(start - 1) === revision) start--;
    }
    return this.#ring.slice(start);
  }

  /** Index of the first event in the ring that is newer than `revision`. */
  #firstAfter(revision: Revision): number {
    let [low, high] = [this.#ringStart, this.#ring.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ring[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  subscribe(listener: KindListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  put(object: CachedObject): void {
    const previous = this.#objects.get(object.key);
    this.#objects.set(object.key, object);
    if (!previous) this.#keys.splice(lowerBound(this.#keys, object.key), 0, object.key);
    this.#publish({ type: previous ? 'MODIFIED' : 'ADDED', revision: object.revision, object, previous });
  }

  remove(key: string, revision: Revision): void {
    const previous = this.#objects.get(key);
    if (!previous) return;
    this.#objects.delete(key);
    this.#keys.splice(lowerBound(this.#keys, key), 1);
    const object = previous.atRevision(revision);
    this.#publish({ type: 'DELETED', revision, object, previous });
  }

  /** Fills the cache anew with the state at `revision`; whoever watches must begin again. */
  reset(objects: readonly CachedObject[], revision: Revision): void {
    this.#objects.clear();
    for (const object of objects) this.#objects.set(object.key, object);
    this.#keys = [...this.#objects.keys()].sort(compareText);
    [this.#ring, this.#ringStart, this.#ringBytes] = [[], 0, 0];
    this.oldestRevision = revision;
    for (const listener of this.#listeners) listener.onReset();
  }

  #publish(event: KindEvent): void {
    this.#ring.push(event);
    this.#ringBytes += event.object.bytes.length;
    while (this.#ring.length - this.#ringStart > ringEvents || this.#ringBytes > ringBytes)
      this.#dropOldest();
    for (const listener of this.#listeners) listener.onEvent(event);
  }

  #dropOldest(): void {
    const event = this.#ring[this.#ringStart++]!;
    this.#ringBytes -= event.object.bytes.length;
    this.oldestRevision = event.revision;
    // Compacted now and then: dropping costs little on average, and little of what was dropped is held.
    if (this.#ringStart > 1024 && this.#ringStart * 8 > this.#ring.length) {
      this.#ring = this.#ring.slice(this.#ringStart);
      this.#ringStart = 0;
    }
  }
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Index of the first key that is not before `wanted`. */
function lowerBound(keys: readonly string[], wanted: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
