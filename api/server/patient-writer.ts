/** Writes the body of an answer as fast as the client reads, and breaks with a client that has ceased to. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../meta/clock.ts';
import type { SharedChunks } from './chunked-coding.ts';

export interface WriterOptions {
  clock: Clock;
  chunks: SharedChunks;
  /** How long the client may take to read on, in milliseconds. */
  readMs: number;
}

export class PatientWriter {
  readonly response: ServerResponse;
  readonly #options: WriterOptions;

  constructor(response: ServerResponse, options: WriterOptions) {
    this.response = response;
    this.#options = options;
  }

  /** Resolves when the client has read what was written, or has gone away. The head must have been sent. */
  write(piece: Buffer): Promise<void> | void {
    const { response } = this;
    const { socket } = response;
    const { clock, chunks, readMs } = this.#options;
    // Without a socket of its own yet (pipelining) or chunks (HTTP/1.0), Node finds the form.
    const direct = socket && response.chunkedEncoding && piece.length > 0;
    const target = direct ? socket : response;
    if (direct ? socket.write(chunks.chunkOf(piece)) : response.write(piece)) return;
    return new Promise((resolve) => {
      const tired = clock.after(readMs, () => response.destroy());
      const done = (): void => {
        tired.cancel();
        target.off('drain', done);
        response.off('close', done);
        resolve();
      };
      target.once('drain', done);
      response.once('close', done);
    });
  }
}
