/**
 * Reads the log of one start of a container, oldest file first, and goes on as it grows.
 *
 * Invariant: every entry is given once and in order, across rotations: a file is read to its end before
 * its successor is opened.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { type Clock, sleep, systemClock } from '../../api/meta/clock.ts';
import { type LogEntry, type LogFormat, LogLines, LogPrinter, Tail } from './log-lines.ts';

export interface LogQuery {
  follow?: boolean;
  tailLines?: number;
  sinceMs?: number;
  timestamps?: boolean;
  limitBytes?: number;
}

export interface LogSource {
  /** Oldest first; the last one is still written to. */
  files: string[];
  format: LogFormat;
  /** False once nothing will be written any more. */
  isLive: () => boolean;
}

const pollMs = 100;
const chunkBytes = 64 * 1024;

/** Ends when the log does, when it is not followed at its present end, or when `signal` aborts. */
export async function* readLog(
  source: LogSource,
  query: LogQuery,
  { signal, clock = systemClock }: { signal?: AbortSignal; clock?: Clock } = {},
): AsyncGenerator<Buffer> {
  const printer = new LogPrinter(query.timestamps ?? false);
  const tail = query.tailLines === undefined ? undefined : new Tail(query.tailLines);
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  let isHistory = true;
  for await (const batch of batches(source, query.follow ?? false, { signal, clock })) {
    const entries = batch === 'caught up' ? [] : batch.filter((entry) => isRecent(entry, query.sinceMs));
    if (tail && isHistory) {
      for (const entry of entries) tail.push(entry);
      if (batch !== 'caught up') continue;
    }
    const text = printer.print(batch === 'caught up' && isHistory ? (tail?.entries ?? []) : entries);
    if (batch === 'caught up') isHistory = false;
    if (text.length > 0) yield text.subarray(0, left);
    left -= text.length;
    if (left <= 0) return;
  }
}

function isRecent({ time }: LogEntry, sinceMs: number | undefined): boolean {
  return sinceMs === undefined || time === '' || Date.parse(time) >= sinceMs;
}

interface Following {
  signal: AbortSignal | undefined;
  clock: Clock;
}

/** Entries in batches; `caught up` once, at the end of what was there at first. */
async function* batches(
  { files, format, isLive }: LogSource,
  follow: boolean,
  following: Following,
): AsyncGenerator<LogEntry[] | 'caught up'> {
  const lines = new LogLines(format);
  for (const path of files.slice(0, -1)) yield* wholeFile(path, lines);
  const current = files.at(-1);
  if (current === undefined) return yield 'caught up';
  let file = await open(current, 'r').catch(() => undefined);
  try {
    let caughtUp = false;
    while (file && !following.signal?.aborted) {
      // Asked before reading: what was written before the end is read after it.
      const wasLive = isLive();
      yield* rest(file, lines);
      if (!caughtUp) yield 'caught up';
      caughtUp = true;
      if (await isReplaced(current, file)) {
        await file.close();
        file = await open(current, 'r').catch(() => undefined);
        continue;
      }
      if (!follow || !wasLive) break;
      await sleep(following.clock, pollMs, following.signal);
    }
    yield lines.flush();
  } finally {
    await file?.close();
  }
}

async function* wholeFile(path: string, lines: LogLines): AsyncGenerator<LogEntry[]> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return;
  try {
    yield* rest(file, lines);
  } finally {
    await file.close();
  }
}

async function* rest(file: FileHandle, lines: LogLines): AsyncGenerator<LogEntry[]> {
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes);
    if (bytesRead === 0) return;
    yield lines.push(buffer.subarray(0, bytesRead));
  }
}

/** Rotated away: the name stands for another file now. */
async function isReplaced(path: string, file: FileHandle): Promise<boolean> {
  const [byName, byHandle] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  return byName !== undefined && byName.ino !== byHandle.ino;
}
