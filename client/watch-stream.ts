/**
 * Turns the bytes of a watch into events: one JSON document per line.
 *
 * Invariant: bytes are cut only at line ends, so a character split over two chunks comes out whole; a
 * line that never ends is refused before it fills the memory.
 */
import { ApiError, type Status } from '../api/meta/api-error.ts';
import type { WatchEvent } from '../api/meta/object-meta.ts';

const lineFeed = 0x0a;
const maxLineBytes = 64 * 1024 * 1024;

/** The lines of a byte stream without their ends; empty lines are left out. */
export async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  limitBytes = maxLineBytes,
): AsyncGenerator<string> {
  /** The beginning of a line whose end has not come yet. */
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      const rest = chunk.subarray(start, end);
      const line = pending.length === 0 ? rest.toString() : Buffer.concat([...pending, rest]).toString();
      pending = [];
      pendingBytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > limitBytes)
      throw new ApiError('InternalError', `a watch line is over ${limitBytes} bytes`);
  }
  if (pending.length > 0) throw new ApiError('ServiceUnavailable', 'the watch ended in the middle of a line');
}

/** Throws the ApiError an ERROR event carries, InternalError for a line that is no event. */
export function parseWatchLine<T>(line: string): WatchEvent<T> {
  const event = parseJson(line) as Partial<WatchEvent<T>> | { type: 'ERROR'; object: Status } | null;
  if (!isRecord(event) || !isRecord(event.object)) throw malformed(line);
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return event as WatchEvent<T>;
    case 'ERROR':
      throw ApiError.fromStatus(event.object as Status, 500);
    default:
      throw malformed(line);
  }
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw malformed(line);
  }
}

function malformed(line: string): ApiError {
  return new ApiError('InternalError', `a watch line is no event: ${JSON.stringify(line.slice(0, 200))}`);
}
