/**
 * The lines of a container's log file as conmon writes it (k8s-file, the same as CRI's):
 *
 *   2026-11-21T00:09:54.588719019+00:00 stdout F text        F: the line is whole; P: it goes on in the next entry
 *
 * Pure. The unconfined driver writes plain text: no times, each line whole.
 */

export type LogFormat = 'k8s-file' | 'plain';

export interface LogEntry {
  /** RFC 3339 with nanoseconds; '' in plain text. */
  time: string;
  text: string;
  /** Ends a line. */
  isEnd: boolean;
}

const entryShape = /^(\S+) (?:stdout|stderr) ([FP])(?: (.*))?$/s;
const newline = 0x0a;

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
      entries.push(parseEntry(bytes.toString('utf8', begin, end), this.#format));
      begin = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(begin));
    return entries;
  }

  /** What stands at the end without a newline. */
  flush(): LogEntry[] {
    if (this.#rest.length === 0 || this.#format !== 'plain') return [];
    const text = this.#rest.toString('utf8');
    this.#rest = Buffer.alloc(0);
    return [{ time: '', text, isEnd: false }];
  }
}

export function parseEntry(line: string, format: LogFormat): LogEntry {
  const match = format === 'plain' ? null : entryShape.exec(line);
  if (!match) return { time: '', text: line, isEnd: true };
  const [, time = '', tag, text = ''] = match;
  return { time, text, isEnd: tag === 'F' };
}

/** Keeps the last `count` lines of what is pushed. */
export class Tail {
  readonly #count: number;
  readonly #entries: LogEntry[] = [];
  #lines = 0;
  #first = 0;

  constructor(count: number) {
    this.#count = count;
  }

  push(entry: LogEntry): void {
    this.#entries.push(entry);
    if (entry.isEnd) this.#lines++;
    while (this.#lines > this.#count) if (this.#entries[this.#first++]?.isEnd) this.#lines--;
    if (this.#first > 1024) this.#first -= this.#entries.splice(0, this.#first).length;
  }

  get entries(): LogEntry[] {
    return this.#count === 0 ? [] : this.#entries.slice(this.#first);
  }
}

/** Entries as people read them; a time stands once, at the beginning of its line. */
export class LogPrinter {
  readonly #timestamps: boolean;
  #atLineStart = true;

  constructor(timestamps: boolean) {
    this.#timestamps = timestamps;
  }

  print(entries: readonly LogEntry[]): Buffer {
    let text = '';
    for (const entry of entries) {
      if (this.#atLineStart && this.#timestamps && entry.time !== '') text += `${entry.time} `;
      text += entry.isEnd ? `${entry.text}\n` : entry.text;
      this.#atLineStart = entry.isEnd;
    }
    return Buffer.from(text);
  }
}
