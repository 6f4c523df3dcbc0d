/**
 * The revision log on disk, in LevelDB through classic-level.
 *
 * A batch is one synced write, all or nothing. Crash-only: after a write that failed nobody knows what a
 * later fsync would make durable, so every further write is refused until the store is opened again.
 * A disk that is nearly full is noticed before that, and then writes are refused one by one.
 */
import { statfsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { ApiError } from '../meta/api-error.ts';
import type { Place } from './key-index.ts';
import {
  compactRevisionKey,
  decodeEntry,
  encodeEntry,
  encodeLease,
  leaseKey,
  logKey,
  placeOf,
} from './log-record.ts';
import type { LogBatch, LogEntry, RevisionLog } from './revision-log.ts';
import type { KeyValue, Revision } from './store.ts';

export type Database = ClassicLevel<Buffer, Buffer>;

type Write = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

/** What an iterator fetches from LevelDB at a time; its own 16 KiB is a dozen objects. */
export const readAheadBytes = 1 << 20;
/** A catch-up read stops at the end of the revision that passes this. */
const maxReadBytes = 8 << 20;
/** Merging rewrites what is left of the old log, so it waits for this many forgotten entries. */
const worthReclaiming = 10_000;
/**
 * A write that failed with less than this free failed for want of space: LevelDB merges some 25 MiB at
 * once, and has removed what it could not finish when the error arrives here.
 */
const fullBytes = 32 << 20;

export class LevelLog implements RevisionLog {
  readonly #database: Database;
  readonly #directory: string;
  readonly #reserveBytes: number;
  #failure: ApiError | undefined;
  #forgotten = 0;

  /** `reserveBytes`: how much of the disk is left free, for LevelDB's own merging. */
  constructor(database: Database, directory: string, reserveBytes: number) {
    this.#database = database;
    this.#directory = directory;
    this.#reserveBytes = reserveBytes;
  }

  append({ entries, grantedLeases, revokedLeases }: LogBatch): Promise<void> {
    const writes: Write[] = entries.map((entry) => ({
      type: 'put',
      key: logKey(entry),
      value: encodeEntry(entry),
    }));
    for (const lease of grantedLeases) {
      writes.push({ type: 'put', key: leaseKey(lease.id), value: encodeLease(lease) });
    }
    for (const id of revokedLeases) writes.push({ type: 'del', key: leaseKey(id) });
    const grows = entries.some(({ event }) => event.type === 'put');
    return this.#write(writes, {
      sync: true,
      reserveBytes: grows ? this.#reserveBytes : this.#reserveBytes / 4,
    });
  }

  async read(places: readonly Place[]): Promise<(KeyValue | undefined)[]> {
    if (places.length === 0) return [];
    const records = await this.#database.getMany(places.map(logKey));
    return records.map((record, at) => {
      const event = record && decodeEntry(places[at]!, record).event;
      return event?.type === 'put' ? event.kv : undefined;
    });
  }

  async entries(from: Revision, to: Revision): Promise<LogEntry[]> {
    const found: LogEntry[] = [];
    let sizeBytes = 0;
    const range = {
      gte: logKey({ revision: from, sub: 0 }),
      lt: logKey({ revision: to + 1, sub: 0 }),
      highWaterMarkBytes: readAheadBytes,
    };
    for await (const [key, record] of this.#database.iterator(range)) {
      const place = placeOf(key);
      if (sizeBytes > maxReadBytes && place.revision !== found.at(-1)?.revision) break;
      sizeBytes += record.byteLength;
      found.push(decodeEntry(place, record));
    }
    return found;
  }

  markCompacted(revision: Revision): Promise<void> {
    const mark: Write = { type: 'put', key: compactRevisionKey, value: Buffer.from(String(revision)) };
    return this.#write([mark], { sync: true, reserveBytes: this.#reserveBytes / 4 });
  }

  /** Unsynced: what is not gone after a crash is forgotten again when the store is opened. */
  forget(places: readonly Place[]): Promise<void> {
    const writes = places.map((place): Write => ({ type: 'del', key: logKey(place) }));
    this.#forgotten += places.length;
    return this.#write(writes, { sync: false, reserveBytes: this.#reserveBytes / 4 });
  }

  /** LevelDB merges by itself when enough is written; a log that only grows at its end needs a push. */
  async reclaim(upTo: Revision): Promise<void> {
    if (this.#forgotten < worthReclaiming) return;
    this.#forgotten = 0;
    await this.#database.compactRange(
      logKey({ revision: 0, sub: 0 }),
      logKey({ revision: upTo + 1, sub: 0 }),
    );
  }

  async sizeBytes(): Promise<number> {
    const names = await readdir(this.#directory);
    // LevelDB removes files whenever it likes; one that is gone has no size.
    const sizes = names.map((name) =>
      stat(join(this.#directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #write(
    writes: Write[],
    { sync, reserveBytes }: { sync: boolean; reserveBytes: number },
  ): Promise<void> {
    if (this.#failure) throw this.#failure;
    this.#assertSpace(reserveBytes);
    try {
      await this.#database.batch(writes, { sync });
    } catch (error) {
      this.#failure = this.#explain(error);
      throw this.#failure;
    }
  }

  /** Freeing space takes space: deletes and compaction may go on where puts are refused already. */
  #assertSpace(reserveBytes: number): void {
    if (this.#freeBytes() >= reserveBytes) return;
    throw new ApiError(
      'InsufficientStorage',
      `the disk of ${this.#directory} is full: less than ${reserveBytes >> 20} MiB are free; nothing was written`,
    );
  }

  /** Synchronous on purpose: a microsecond here, a trip through the thread pool otherwise, on every commit. */
  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory);
    return bavail * bsize;
  }

  #explain(error: unknown): ApiError {
    const advice = `no further write is accepted until the store in ${this.#directory} is opened again`;
    if (this.#freeBytes() < fullBytes) {
      return new ApiError('InsufficientStorage', `the disk is full; ${advice}`, {}, error);
    }
    return new ApiError('Timeout', `a write failed and may or may not have happened; ${advice}`, {}, error);
  }
}
