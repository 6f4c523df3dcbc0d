/** Objects that go by themselves (events): leases of the store, shared by all objects of one minute. */
import type { Clock } from '../meta/clock.ts';
import type { Store } from '../store/store.ts';

const bucketMs = 60_000;

interface Bucket {
  startMs: number;
  lease: Promise<number>;
}

export class Expiry {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Bucket>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** A lease that ends `ttlSeconds` to `ttlSeconds` + 60 s from now. */
  async lease(ttlSeconds: number): Promise<number> {
    const nowMs = this.#clock.monotonicMs();
    let bucket = this.#buckets.get(ttlSeconds);
    if (!bucket || nowMs - bucket.startMs >= bucketMs) {
      bucket = { startMs: nowMs, lease: this.#store.grantLease(ttlSeconds + bucketMs / 1000) };
      this.#buckets.set(ttlSeconds, bucket);
    }
    try {
      return await bucket.lease;
    } catch (error) {
      if (this.#buckets.get(ttlSeconds) === bucket) this.#buckets.delete(ttlSeconds);
      throw error;
    }
  }
}
