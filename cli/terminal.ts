/**
 * The standard streams as bytes, and the terminal a person may sit at: for commands that hand both to a
 * task. Everything else of the CLI writes text through `Output`.
 */
import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../api/meta/stream-channels.ts';

export interface Terminal {
  /** What is typed or piped in, from the first read on. */
  readonly input: AsyncIterable<Buffer>;
  /** Whether a person types: standard input and output are a terminal. */
  readonly isInteractive: boolean;
  /** Resolves when more may be written. */
  write(to: 'stdout' | 'stderr', bytes: Buffer): Promise<void>;
  size(): TerminalSize;
  /** Calls back at every change of size, until the returned function is called. */
  onResize(callback: () => void): () => void;
  /** Raw: every key, Ctrl-C too, is handed on as it is. */
  setRaw(raw: boolean): void;
}

interface TtyIn extends Readable {
  isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

interface TtyOut extends Writable {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
}

export function processTerminal(streams: { stdin: TtyIn; stdout: TtyOut; stderr: Writable }): Terminal {
  const { stdin, stdout } = streams;
  return {
    input: stdin,
    isInteractive: stdin.isTTY === true && stdout.isTTY === true,
    write: (to, bytes) => written(streams[to], bytes),
    size: () => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 }),
    onResize(callback) {
      stdout.on('resize', callback);
      return () => void stdout.off('resize', callback);
    },
    setRaw: (raw) => void stdin.setRawMode?.(raw),
  };
}

function written(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => stream.write(bytes, () => resolve()));
}
