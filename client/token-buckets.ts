/** One token bucket per source: a burst at once, then one more per refill time. Bounded in memory. */
import type { Clock } from '../api/meta/clock.ts';
import { RecentMap } from './recent-map.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

const maxBuckets = 4096;

export class TokenBuckets {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #refillMs: number;
  readonly #buckets = new RecentMap<string, Bucket>(maxBuckets);

  constructor({ clock, burst, refillMs }: { clock: Clock; burst: number; refillMs: number }) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refillMs = refillMs;
  }

  /** Takes one token of the source; false when it has none. */
  take(source: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const { tokens, atMs } = this.#buckets.get(source) ?? { tokens: this.#burst, atMs: nowMs };
    const available = Math.min(this.#burst, tokens + (nowMs - atMs) / this.#refillMs);
    const taken = available >= 1;
    this.#buckets.set(source, { tokens: taken ? available - 1 : available, atMs: nowMs });
    return taken;
  }
}
