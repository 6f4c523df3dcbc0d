/**
 * Says when a live read of a job is worth it. Right after many writes the cache is behind, so it keeps
 * asking for what is done already; reading thousands of tasks live each time would only slow it further.
 *
 * Only pace depends on this memory, never what is done: losing it costs a few reads.
 */

const shortestMs = 20;
const longestMs = 640;

interface Pace {
  notBeforeMs: number;
  /** Live reads in a row that found nothing to do. */
  fruitless: number;
}

export class LiveReadPacer {
  readonly #paces = new Map<string, Pace>();

  /** How long to wait before the next live read of this job; 0 means none. `nowMs` is monotonic. */
  pauseMs(key: string, nowMs: number): number {
    return Math.max(0, (this.#paces.get(key)?.notBeforeMs ?? 0) - nowMs);
  }

  /** A live read is over; `isFruitless` when it found nothing to do, though the cache had said so. */
  note(key: string, { isFruitless, nowMs }: { isFruitless: boolean; nowMs: number }): void {
    const fruitless = isFruitless ? (this.#paces.get(key)?.fruitless ?? 0) + 1 : 0;
    this.#paces.set(key, {
      fruitless,
      notBeforeMs: nowMs + Math.min(longestMs, shortestMs * 2 ** fruitless),
    });
  }

  /** The cache asks for nothing (any more), or the job is gone. */
  forget(key: string): void {
    this.#paces.delete(key);
  }
}
