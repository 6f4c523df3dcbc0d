/**
 * Reads the log of one start of a container, oldest file first, and goes on as it grows.
 *
 * Invariant: every entry is given once and in order, across rotations: a file is read to its end before
 * its successor is opened.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import { LogChanges } from './log-changes.ts';
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

export interface Reading {
  signal?: AbortSignal;
  clock?: Clock;
}

const chunkBytes = 64 * 1024;

/** Ends when the log does, when it is not followed at its present end, or when `signal` aborts. */
export async function* readLog(
  source: LogSource,
  query: LogQuery,
  reading: Reading = {},
): AsyncGenerator<Buffer> {
  const printer = new LogPrinter(query.timestamps ?? false);
  const tail = query.tailLines === undefined ? undefined : new Tail(query.tailLines);
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  let isHistory = true;
  for await (const batch of batches(source, query.follow ?? false, reading)) {
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

/** What is written behind `start` in the newest file, until nothing will be any more or `signal` aborts. */
export async function* followLog(
  { files, format, isLive }: LogSource,
  start: OpenLog | undefined,
  reading: Reading,
): AsyncGenerator<LogEntry[]> {
  const path = files.at(-1);
  if (path === undefined) return;
  const growing = { path, start, lines: new LogLines(format), isLive, follow: true };
  for await (const batch of growingFile(growing, reading)) if (batch !== 'caught up') yield batch;
}

function isRecent({ time }: LogEntry, sinceMs: number | undefined): boolean {
  return sinceMs === undefined || time === '' || Date.parse(time) >= sinceMs;
}

/** Entries in batches; `caught up` once, at the end of what was there at first. */
async function* batches(
  { files, format, isLive }: LogSource,
  follow: boolean,
  reading: Reading,
): AsyncGenerator<LogEntry[] | 'caught up'> {
  const lines = new LogLines(format);
  for (const path of files.slice(0, -1)) yield* wholeFile(path, lines);
  const path = files.at(-1);
  if (path === undefined) yield 'caught up';
  else yield* growingFile({ path, start: await openLog(path), lines, isLive, follow }, reading);
}

interface GrowingFile {
  path: string;
  /** Undefined: there is no such file. */
  start: OpenLog | undefined;
  lines: LogLines;
  isLive: () => boolean;
  follow: boolean;
}

async function* growingFile(
  { path, start, lines, isLive, follow }: GrowingFile,
  { signal, clock = systemClock }: Reading,
): AsyncGenerator<LogEntry[] | 'caught up'> {
  const changes = follow ? new LogChanges(path, clock) : undefined;
  let file = start;
  try {
    let caughtUp = false;
    while (file && !signal?.aborted) {
      // Asked before reading: what was written before the end is read after it.
      const wasLive = isLive();
      const wasReplaced = await isReplaced(path, file.handle);
      yield* rest(file, lines);
      if (!caughtUp) yield 'caught up';
      caughtUp = true;
      if (wasReplaced) {
        await file.handle.close();
        file = await openLog(path);
        continue;
      }
      if (!changes || !wasLive) break;
      await changes.next();
    }
    if (!caughtUp) yield 'caught up';
    yield lines.flush();
  } finally {
    changes?.close();
    await file?.handle.close();
  }
}

async function* wholeFile(path: string, lines: LogLines): AsyncGenerator<LogEntry[]> {
  const file = await openLog(path);
  if (!file) return;
  try {
    yield* rest(file, lines);
  } finally {
    await file.handle.close();
  }
}

export interface OpenLog {
  handle: FileHandle;
  /** Read so far. */
  atBytes: number;
}

async function openLog(path: string): Promise<OpenLog | undefined> {
  const handle = await open(path, 'r').catch(() => undefined);
  return handle && { handle, atBytes: 0 };
}

/** The newest file, or what comes behind its present end; it stays the one that is read, whatever its name becomes. */
export async function openNewestLog(
  { files }: LogSource,
  { fromStart }: { fromStart: boolean },
): Promise<OpenLog | undefined> {
  const path = files.at(-1);
  const file = path === undefined ? undefined : await openLog(path);
  if (!file || fromStart) return file;
  return { ...file, atBytes: (await file.handle.stat()).size };
}

async function* rest(file: OpenLog, lines: LogLines): AsyncGenerator<LogEntry[]> {
  // Emptied in place (driver unconfined): what follows begins at the front.
  if ((await file.handle.stat()).size < file.atBytes) file.atBytes = 0;
  for (;;) {
    const { bytesRead, buffer } = await file.handle.read(
      Buffer.allocUnsafe(chunkBytes),
      0,
      chunkBytes,
      file.atBytes,
    );
    if (bytesRead === 0) return;
    file.atBytes += bytesRead;
    yield lines.push(buffer.subarray(0, bytesRead));
  }
}

/** Rotated away: the name stands for another file now, and nothing more is written to the old one. */
async function isReplaced(path: string, file: FileHandle): Promise<boolean> {
  const [byName, byHandle] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  return byName !== undefined && byName.ino !== byHandle.ino;
}
