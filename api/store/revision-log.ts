/**
 * What the MVCC core needs below it: an append-only log of revisions. `MemoryLog` keeps it in a map,
 * `LevelLog` on disk. The core decides everything; a log only keeps and gives back.
 */
import type { Place } from './key-index.ts';
import type { KeyValue, Revision, StoreEvent } from './store.ts';

export interface LogEntry extends Place {
  event: StoreEvent;
}

export interface LeaseRecord {
  id: number;
  ttlSeconds: number;
}

export interface LogBatch {
  entries: readonly LogEntry[];
  grantedLeases: readonly LeaseRecord[];
  revokedLeases: readonly number[];
}

export interface RevisionLog {
  /** All or nothing, and durable once resolved. After a failure that leaves this in doubt every append fails. */
  append(batch: LogBatch): Promise<void>;
  /** What was put at these places; undefined where it was forgotten. */
  read(places: readonly Place[]): Promise<(KeyValue | undefined)[]>;
  /** Whole revisions from `from` to `to` at most, in order; fewer when they are large. */
  entries(from: Revision, to: Revision): Promise<LogEntry[]>;
  /** Remembers the compact revision, durably, before anything is forgotten. */
  markCompacted(revision: Revision): Promise<void>;
  forget(places: readonly Place[]): Promise<void>;
  /** A compaction is through: the room of what was forgotten may be given back. */
  reclaim(upTo: Revision): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}
