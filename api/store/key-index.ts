/**
 * The index of the memory and embedded stores: key -> its versions (etcd's treeIndex, with generations
 * flattened: a tombstone is a version, and a version knows its createRevision through its KeyValue).
 *
 * Invariants: a key's versions ascend by revision; only the newest one holds its KeyValue, older ones are
 * read from the revision log by their place.
 */
import { byteOrder, endOfPrefix, SortedMap } from './sorted-map.ts';
import type { KeyValue, Revision } from './store.ts';

/** Where the log has an entry: `sub` counts the operations inside one revision. */
export interface Place {
  revision: Revision;
  sub: number;
}

export interface Version extends Place {
  deleted: boolean;
  /** Undefined for tombstones and for superseded versions. */
  kv: KeyValue | undefined;
}

interface History {
  key: string;
  versions: Version[];
}

export interface IndexRange {
  /** Living versions, in byte order of their keys. */
  versions: Version[];
  count: number;
}

export interface RangeOptions {
  revision: Revision;
  limit?: number | undefined;
  after?: string | undefined;
}

export class KeyIndex {
  readonly #histories = new SortedMap<History>();
  /** Histories that compaction could shorten. */
  readonly #superseded = new Set<History>();

  current(key: string): KeyValue | undefined {
    return this.#histories.get(byteOrder(key))?.versions.at(-1)?.kv;
  }

  /** The version a read at `revision` sees, undefined when the key did not exist then. */
  at(key: string, revision: Revision): Version | undefined {
    const history = this.#histories.get(byteOrder(key));
    return history && living(history.versions, revision);
  }

  add(key: string, version: Version): void {
    const order = byteOrder(key);
    const history = this.#histories.get(order);
    if (!history) {
      const created = { key, versions: [version] };
      this.#histories.set(order, created);
      if (version.deleted) this.#superseded.add(created);
      return;
    }
    const previous = history.versions.at(-1);
    if (previous) previous.kv = undefined;
    history.versions.push(version);
    this.#superseded.add(history);
  }

  range(prefix: string, { revision, limit = Number.POSITIVE_INFINITY, after }: RangeOptions): IndexRange {
    const start = byteOrder(prefix);
    const afterOrder = after === undefined ? '' : `${byteOrder(after)}\0`;
    const range: IndexRange = { versions: [], count: 0 };
    this.#histories.scan(afterOrder > start ? afterOrder : start, endOfPrefix(start), ({ versions }) => {
      const version = living(versions, revision);
      if (version && ++range.count <= limit) range.versions.push(version);
    });
    return range;
  }

  /**
   * Forgets what no read at or after `revision` can see, `batchSize` places at a time; whatever is yielded
   * is out of the index already and may leave the log. Writes between two batches are welcome.
   */
  *compact(revision: Revision, batchSize = 1000): Generator<Place[]> {
    let forgotten: Place[] = [];
    for (const history of [...this.#superseded]) {
      forgotten.push(...this.#shorten(history, revision));
      if (forgotten.length < batchSize) continue;
      yield forgotten;
      forgotten = [];
    }
    if (forgotten.length > 0) yield forgotten;
  }

  #shorten(history: History, revision: Revision): Place[] {
    const { versions } = history;
    const seen = newestAt(versions, revision);
    const forgotten = versions.splice(0, versions[seen]?.deleted ? seen + 1 : Math.max(0, seen));
    if (versions.length === 0) this.#histories.delete(byteOrder(history.key));
    if (versions.length === 0 || (versions.length === 1 && !versions[0]!.deleted)) {
      this.#superseded.delete(history);
    }
    return forgotten;
  }
}

function living(versions: readonly Version[], revision: Revision): Version | undefined {
  const version = versions[newestAt(versions, revision)];
  return version?.deleted ? undefined : version;
}

/** Index of the newest version at or before `revision`; -1 when there is none. */
function newestAt(versions: readonly Version[], revision: Revision): number {
  let at = versions.length - 1;
  // Nearly every read wants the newest, so look there before searching.
  if (at < 0 || versions[at]!.revision <= revision) return at;
  let low = -1;
  while (low < at) {
    const middle = (low + at + 1) >> 1;
    if (versions[middle]!.revision <= revision) low = middle;
    else at = middle - 1;
  }
  return low;
}
