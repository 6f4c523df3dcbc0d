/**
 * How much may still be sent on a stream, or on a connection, by SPDY/3.1's flow control. Obeyed only once the client
 * has spoken of windows: kubectl's library never does, and would wait for ever.
 */

/** What a stream begins with (SPDY/3.1, section 2.6.8). */
export const initialWindowBytes = 64 * 1024;

export class SendWindow {
  #bytes = initialWindowBytes;

  get bytes(): number {
    return Math.max(0, this.#bytes);
  }

  spend(bytes: number): void {
    this.#bytes -= bytes;
  }

  widen(bytes: number): void {
    this.#bytes += bytes;
  }
}
