/** The store of tests and simulations: full MVCC semantics, nothing on disk. */
import { systemClock } from '../meta/clock.ts';
import { silentLogger } from '../meta/logger.ts';
import type { Place } from './key-index.ts';
import { type MvccOptions, MvccStore, nothingRecovered } from './mvcc-store.ts';
import type { LogBatch, LogEntry, RevisionLog } from './revision-log.ts';
import type { KeyValue, Revision, Store } from './store.ts';

export function openMemoryStore(options: Partial<MvccOptions> = {}): Store {
  return new MvccStore(new MemoryLog(), nothingRecovered(), {
    clock: systemClock,
    logger: silentLogger,
    ...options,
  });
}

/** Revision -> its entries; an entry that was forgotten leaves a hole, so that `sub` stays an index. */
class MemoryLog implements RevisionLog {
  readonly #revisions = new Map<Revision, (LogEntry | undefined)[]>();
  #sizeBytes = 0;

  async append({ entries }: LogBatch): Promise<void> {
    for (const entry of entries) {
      const siblings = this.#revisions.get(entry.revision);
      if (siblings) siblings.push(entry);
      else this.#revisions.set(entry.revision, [entry]);
      this.#sizeBytes += sizeOf(entry);
    }
  }

  async read(places: readonly Place[]): Promise<(KeyValue | undefined)[]> {
    return places.map(({ revision, sub }) => {
      const event = this.#revisions.get(revision)?.[sub]?.event;
      return event?.type === 'put' ? event.kv : undefined;
    });
  }

  async entries(from: Revision, to: Revision): Promise<LogEntry[]> {
    const found: LogEntry[] = [];
    for (let revision = from; revision <= to; revision++) {
      for (const entry of this.#revisions.get(revision) ?? []) if (entry) found.push(entry);
    }
    return found;
  }

  async markCompacted(): Promise<void> {}

  async forget(places: readonly Place[]): Promise<void> {
    for (const { revision, sub } of places) {
      const entries = this.#revisions.get(revision);
      const entry = entries?.[sub];
      if (!entries || !entry) continue;
      this.#sizeBytes -= sizeOf(entry);
      entries[sub] = undefined;
      if (entries.every((sibling) => sibling === undefined)) this.#revisions.delete(revision);
    }
  }

  async reclaim(): Promise<void> {}

  async sizeBytes(): Promise<number> {
    return this.#sizeBytes;
  }

  async close(): Promise<void> {
    this.#revisions.clear();
  }
}

function sizeOf({ event }: LogEntry): number {
  return event.type === 'put' ? event.kv.key.length + event.kv.value.byteLength : event.key.length;
}
