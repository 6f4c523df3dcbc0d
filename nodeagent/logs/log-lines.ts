/**
 * The lines of a container's log file as conmon writes it (k8s-file, the same as CRI's):
 *
 *   2026-11-21T00:09:54.588719019+00:00 stdout F text        F: the line is whole; P: it goes on in the next entry
 *
 * Pure. The unconfined driver writes plain text: no times, each line whole.
 * Invariant: bytes stay what they are, and no more than `maxEntryBytes` wait for a line's end.
 */

export type LogFormat = 'k8s-file' | 'plain';

export interface LogEntry {
  /** RFC 3339 with nanoseconds; '' in plain text. */
  time: string;
  stream: 'stdout' | 'stderr';
  text: Buffer;
  /** Ends a line. */
  isEnd: boolean;
}

const newline = 0x0a;
const space = 0x20;
/** conmon's entries are far shorter; plain text may have lines without end. */
const maxEntryBytes = 64 * 1024;
/** `--tail` of lines without end keeps so much. */
const maxTailBytes = 16 * 1024 ** 2;

/** Cuts bytes, as they come, into entries; keeps what is not a whole entry yet. */
export class LogLines {
  readonly #format: LogFormat;
  #rest: Buffer = Buffer.alloc(0);

  constructor(format: LogFormat) {
    this.#format = format;
  }

  push(chunk: Buffer): LogEntry[] {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const entries: LogEntry[] = [];
    let begin = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, begin)) {
      entries.push(parseEntry(bytes.subarray(begin, end), this.#format));
      begin = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(begin));
    return this.#rest.length > maxEntryBytes ? [...entries, ...this.#takeRest()] : entries;
  }

  /** What stands at the end without a newline. */
  flush(): LogEntry[] {
    return this.#rest.length === 0 || this.#format !== 'plain' ? [] : this.#takeRest();
  }

  #takeRest(): LogEntry[] {
    const text = this.#rest;
    this.#rest = Buffer.alloc(0);
    return [{ time: '', stream: 'stdout', text, isEnd: false }];
  }
}

/** What has not the form of an entry is taken for a line of text. */
export function parseEntry(line: Buffer, format: LogFormat): LogEntry {
  const timeEnd = line.indexOf(space);
  const streamEnd = line.indexOf(space, timeEnd + 1);
  const stream = line.toString('latin1', timeEnd + 1, streamEnd);
  const tag = line.toString('latin1', streamEnd + 1, streamEnd + 2);
  const isEntry =
    format === 'k8s-file' &&
    timeEnd > 0 &&
    (stream === 'stdout' || stream === 'stderr') &&
    (tag === 'F' || tag === 'P');
  if (!isEntry) return { time: '', stream: 'stdout', text: line, isEnd: true };
  const time = line.toString('latin1', 0, timeEnd);
  return { time, stream, text: line.subarray(streamEnd + 3), isEnd: tag === 'F' };
}

/** Keeps the last `count` lines of what is pushed. */
export class Tail {
  readonly #count: number;
  readonly #entries: LogEntry[] = [];
  #lines = 0;
  #bytes = 0;
  #first = 0;

  constructor(count: number) {
    this.#count = count;
  }

  push(entry: LogEntry): void {
    this.#entries.push({ ...entry, text: Buffer.from(entry.text) });
    this.#bytes += entry.text.length;
    if (entry.isEnd) this.#lines++;
    while (this.#lines > this.#count || this.#bytes > maxTailBytes) this.#dropFirst();
    if (this.#first > 1024) this.#first -= this.#entries.splice(0, this.#first).length;
  }

  get entries(): LogEntry[] {
    return this.#count === 0 ? [] : this.#entries.slice(this.#first);
  }

  #dropFirst(): void {
    const { text, isEnd } = this.#entries[this.#first++]!;
    this.#bytes -= text.length;
    if (isEnd) this.#lines--;
  }
}

const lineFeed = Buffer.from('\n');

/** Entries as people read them; a time stands once, at the beginning of its line. */
export class LogPrinter {
  readonly #timestamps: boolean;
  #atLineStart = true;

  constructor(timestamps: boolean) {
    this.#timestamps = timestamps;
  }

  print(entries: readonly LogEntry[]): Buffer {
    const parts: Buffer[] = [];
    for (const { time, text, isEnd } of entries) {
      if (this.#atLineStart && this.#timestamps && time !== '') parts.push(Buffer.from(`${time} `));
      parts.push(text);
      if (isEnd) parts.push(lineFeed);
      this.#atLineStart = isEnd;
    }
    return Buffer.concat(parts);
  }
}
