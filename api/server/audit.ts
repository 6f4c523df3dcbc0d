/** Who changed what, when, and with which result: one JSON line per mutating request. No bodies, so no secrets. */
import { createWriteStream } from 'node:fs';

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
}

export interface AuditLog {
  write(record: AuditRecord): void;
  close(): Promise<void>;
}

/** Appends to `file`. Errors of the file are told once to `onError`; requests go on. */
export function fileAuditLog(file: string, onError: (error: Error) => void): AuditLog {
  const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
  stream.once('error', onError);
  return {
    write: (record) => void stream.write(`${JSON.stringify(record)}\n`),
    close: () => new Promise((resolve) => stream.end(resolve)),
  };
}
