/** Who listens to a stream of messages; what comes before `resume` is kept, up to a bound. */
import type { MessageListener } from './message-stream.ts';

/** A client that speaks of its own accord, before it could know that it is heard, says little. */
const maxEarlyBytes = 256 * 1024;

export class MessageListeners {
  readonly #listeners: MessageListener[] = [];
  #early: Buffer[] | undefined = [];
  #earlyBytes = 0;
  #isClosed = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  add(listener: MessageListener): void {
    this.#listeners.push(listener);
  }

  /** False when it is too much: the stream is to be ended. */
  message(data: Buffer): boolean {
    if (this.#early) {
      this.#earlyBytes += data.length;
      this.#early.push(data);
      return this.#earlyBytes <= maxEarlyBytes;
    }
    for (const listener of this.#listeners) listener.message(data, true);
    return true;
  }

  /** From now on messages are handed on. */
  open(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const data of early) this.message(data);
  }

  /** Only the first time is one. */
  close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.closed(code, reason);
  }
}
