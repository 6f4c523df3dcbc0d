/**
 * Says when the next turn of a job is worth it. A turn costs time in proportion to the job's tasks, and
 * each task's every change asks for one: bursts are gathered. Right after many writes the cache is behind
 * and asks for what is done already: live reads that find nothing to do grow rarer.
 *
 * Only pace depends on this memory, never what is done: losing it costs a few turns.
 */

/** A job of 1,000 tasks takes a turn at most every 50 ms, one of 10 whenever it likes. */
const pausePerTaskMs = 0.05;
const shortestPauseMs = 1;
const fruitlessMs = { least: 40, most: 640 };
const maxRemembered = 4096;

interface Pace {
  notBeforeMs: number;
  /** Live reads in a row that found nothing to do. */
  fruitless: number;
}

export interface Turn {
  tasks: number;
  /** The cache asked for something, and a live read found that there was nothing to do. */
  isFruitless: boolean;
  /** Monotonic. */
  nowMs: number;
}

export class TurnPacer {
  readonly #paces = new Map<string, Pace>();

  /** How long to wait before the next turn of this job; 0 means none. `nowMs` is monotonic. */
  pauseMs(key: string, nowMs: number): number {
    return Math.max(0, (this.#paces.get(key)?.notBeforeMs ?? 0) - nowMs);
  }

  /** A turn is over. */
  note(key: string, { tasks, isFruitless, nowMs }: Turn): void {
    const fruitless = isFruitless ? (this.#paces.get(key)?.fruitless ?? 0) + 1 : 0;
    const gatherMs = tasks * pausePerTaskMs;
    const lagMs = fruitless === 0 ? 0 : Math.min(fruitlessMs.most, fruitlessMs.least * 2 ** (fruitless - 1));
    const pauseMs = Math.max(gatherMs, lagMs);
    if (pauseMs < shortestPauseMs) this.#paces.delete(key);
    else this.#paces.set(key, { fruitless, notBeforeMs: nowMs + pauseMs });
    if (this.#paces.size > maxRemembered) this.#prune(nowMs);
  }

  #prune(nowMs: number): void {
    for (const [key, { notBeforeMs }] of this.#paces) if (notBeforeMs <= nowMs) this.#paces.delete(key);
  }
}
