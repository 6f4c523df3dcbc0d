/**
 * The durable store inside the API server's process: a LevelDB directory, no server to install.
 *
 * Opening reads the whole log once and rebuilds the index (measured: 425,000 revisions in 1.4 s). One
 * process at a time has the directory; LevelDB's LOCK file sees to that (not on network file systems).
 */
import { ClassicLevel } from 'classic-level';
import { ApiError } from '../meta/api-error.ts';
import { KeyIndex } from './key-index.ts';
import { type Database, LevelLog, readAheadBytes } from './level-log.ts';
import {
  compactRevisionKey,
  currentFormat,
  decodeEntry,
  decodeLease,
  formatKey,
  placeOf,
} from './log-record.ts';
import { type MvccOptions, MvccStore, type Recovered } from './mvcc-store.ts';
import { defaultCompactEverySeconds, startCompaction } from './periodic-compaction.ts';
import { eventKey } from './store-event.ts';

export interface EmbeddedOptions extends MvccOptions {
  /** Default 300; 0 turns automatic compaction off. */
  compactEverySeconds?: number;
  /** Puts are refused (InsufficientStorage) when less than this is free on the disk. Default 32 MiB. */
  reserveBytes?: number;
}

const defaultReserveBytes = 32 << 20;

/** Throws ApiError ServiceUnavailable when the directory is in use, cannot be opened or has another format. */
export async function openEmbeddedStore(directory: string, options: EmbeddedOptions): Promise<EmbeddedStore> {
  const database: Database = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  });
  try {
    await database.open();
  } catch (error) {
    throw openingError(directory, error);
  }
  try {
    await assertFormat(database, directory);
    const recovered = await recover(database);
    const log = new LevelLog(database, directory, options.reserveBytes ?? defaultReserveBytes);
    return new EmbeddedStore(log, recovered, options);
  } catch (error) {
    await database.close();
    throw error;
  }
}

export class EmbeddedStore extends MvccStore {
  readonly #compaction: { stop(): Promise<void> } | undefined;

  constructor(log: LevelLog, recovered: Recovered, options: EmbeddedOptions) {
    super(log, recovered, options);
    const { compactEverySeconds: everySeconds = defaultCompactEverySeconds, clock, logger } = options;
    if (everySeconds > 0) this.#compaction = startCompaction(this, { everySeconds, clock, logger });
  }

  override async close(): Promise<void> {
    await this.#compaction?.stop();
    await super.close();
  }
}

async function assertFormat(database: Database, directory: string): Promise<void> {
  const format = (await database.get(formatKey))?.toString();
  if (format === currentFormat) return;
  if (format !== undefined) {
    throw new ApiError(
      'ServiceUnavailable',
      `the store in ${directory} has format ${format}; this version reads format ${currentFormat}`,
    );
  }
  await database.put(formatKey, Buffer.from(currentFormat), { sync: true });
}

async function recover(database: Database): Promise<Recovered> {
  const compactRevision = Number((await database.get(compactRevisionKey)) ?? 0);
  const index = new KeyIndex();
  // A tombstone at the compact revision is gone from the log, and may have been the newest entry.
  let revision = Math.max(1, compactRevision);
  const range = { gte: Buffer.from('L'), lt: Buffer.from('M'), highWaterMarkBytes: readAheadBytes };
  for await (const [key, record] of database.iterator(range)) {
    const { event, ...place } = decodeEntry(placeOf(key), record);
    const kv = event.type === 'put' ? event.kv : undefined;
    index.add(eventKey(event), { ...place, deleted: kv === undefined, kv });
    revision = Math.max(revision, place.revision);
  }
  const leases = (await database.iterator({ gte: Buffer.from('E'), lt: Buffer.from('F') }).all()).map(
    ([key, value]) => decodeLease(key, value),
  );
  return { revision, compactRevision, index, leases };
}

function openingError(directory: string, error: unknown): ApiError {
  const cause = error instanceof Error ? (error.cause as (Error & { code?: string }) | undefined) : undefined;
  const message =
    cause?.code === 'LEVEL_LOCKED'
      ? `the store in ${directory} is in use by another process`
      : `the store in ${directory} cannot be opened: ${cause?.message ?? String(error)}`;
  return new ApiError('ServiceUnavailable', message, {}, error);
}
