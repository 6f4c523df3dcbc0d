/**
 * Who changed what, when, and with which result: one JSON line per mutating request. No bodies, so no secrets.
 *
 * Invariant: the files together are never larger than `maxBytes` × (`backups` + 1), but for one line each.
 */
import { createWriteStream, existsSync, openSync, renameSync, statSync, type WriteStream } from 'node:fs';

export interface AuditRecord {
  time: string;
  user: string;
  verb: string;
  resource: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  dryRun: boolean;
  code: number;
  reason: string | undefined;
  latencyMs: number;
  userAgent: string | undefined;
  /** What is run in a container. */
  command?: string[];
  /** Of a stream, which has two lines: that it was opened, and with this that it is over, `latencyMs` after it was asked for. */
  stage?: 'ended';
}

export interface AuditLog {
  write(record: AuditRecord): void;
  close(): Promise<void>;
}

export interface AuditLogOptions {
  /** A file that has grown to this is put aside as `<file>.1`, what was `.1` as `.2`, and so on. */
  maxBytes: number;
  /** So many are kept beside the one that is written; at least 1. */
  backups: number;
  /** Errors of the file are told here; requests go on. */
  onError: (error: Error) => void;
}

/** Appends to `file`. Throws when it cannot be opened. */
export function fileAuditLog(file: string, { maxBytes, backups, onError }: AuditLogOptions): AuditLog {
  let bytes = existsSync(file) ? statSync(file).size : 0;
  let stream = open();

  function open(): WriteStream {
    const opened = createWriteStream(file, { fd: openSync(file, 'a', 0o600) });
    opened.once('error', onError);
    return opened;
  }

  function rotate(): void {
    bytes = 0;
    try {
      putAside(file, backups);
      const next = open();
      // What it has still to write goes to its file, whatever the name of that is now.
      stream.end();
      stream = next;
    } catch (error) {
      onError(error as Error);
    }
  }

  return {
    write(record) {
      const line = Buffer.from(`${JSON.stringify(record)}\n`);
      if (bytes > 0 && bytes + line.length > maxBytes) rotate();
      bytes += line.length;
      stream.write(line);
    },
    close: () => new Promise((resolve) => stream.end(resolve)),
  };
}

function putAside(file: string, backups: number): void {
  const named = (index: number): string => (index === 0 ? file : `${file}.${index}`);
  for (let index = backups; index > 0; index--)
    if (existsSync(named(index - 1))) renameSync(named(index - 1), named(index));
}
