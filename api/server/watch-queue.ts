/**
 * What one watcher has still to be sent. Live events are pushed in, the connection pulls them out as fast
 * as the client reads.
 *
 * Invariant: a watcher that still has `maxQueuedBytes` of live events to read when the next batch comes is
 * cut off; it goes on from its last version (or lists again) when it comes back.
 */

const maxQueuedBytes = 1024 * 1024;
const initialChunkBytes = 64 * 1024;

export class WatchQueue implements AsyncIterable<Buffer> {
  #chunks: Buffer[] = [];
  #queuedBytes = 0;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #initial: Iterable<Buffer>;
  readonly #endListeners: (() => void)[] = [];

  /** `initial` is sent first and made only as fast as it is read. */
  constructor(initial: Iterable<Buffer>) {
    this.#initial = initial;
  }

  /** Runs `listener` once, however the watch ends. */
  onEnd(listener: () => void): void {
    this.#endListeners.push(listener);
  }

  push(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#queuedBytes > maxQueuedBytes) {
      this.#chunks = [];
      this.end();
      return;
    }
    this.#queuedBytes += chunk.length;
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  /** What is queued is still sent, nothing after it. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const listener of this.#endListeners) listener();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      yield* joined(this.#initial);
      for (;;) {
        if (this.#chunks.length > 0) {
          const chunks = this.#chunks;
          [this.#chunks, this.#queuedBytes] = [[], 0];
          yield chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
        } else if (this.#ended) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.end();
    }
  }
}

function* joined(frames: Iterable<Buffer>): Generator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for (const frame of frames) {
    parts.push(frame);
    size += frame.length;
    if (size < initialChunkBytes) continue;
    yield Buffer.concat(parts);
    [parts, size] = [[], 0];
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}
