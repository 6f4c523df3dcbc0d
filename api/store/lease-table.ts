/**
 * The leases of the memory and embedded stores: who is alive until when, and which keys hang on whom.
 *
 * Time to live is counted on the monotonic clock. A lease that runs out is only reported; it stays here
 * until its revocation is committed, and cannot be kept alive any more.
 */
import type { Clock, Timer } from '../meta/clock.ts';
import type { Random } from '../meta/random.ts';
import type { LeaseRecord } from './revision-log.ts';

interface Lease {
  ttlMs: number;
  deadlineMs: number;
  keys: Set<string>;
  /** Undefined once the lease has run out. */
  timer: Timer | undefined;
}

/** Ids are random so that a client of a lease long gone never meets another's; they fit a safe integer. */
export function newLeaseId(random: Random): number {
  return 1 + Math.floor(random.next() * 2 ** 52);
}

export class LeaseTable {
  readonly #leases = new Map<number, Lease>();
  readonly #clock: Clock;
  readonly #onExpired: (id: number) => void;

  constructor(clock: Clock, onExpired: (id: number) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  has(id: number): boolean {
    return this.#leases.has(id);
  }

  keysOf(id: number): readonly string[] {
    return [...(this.#leases.get(id)?.keys ?? [])];
  }

  add({ id, ttlSeconds }: LeaseRecord): void {
    const lease: Lease = { ttlMs: ttlSeconds * 1000, deadlineMs: 0, keys: new Set(), timer: undefined };
    this.#leases.set(id, lease);
    this.#arm(id, lease);
  }

  /** False when the lease is gone or has run out. */
  keepAlive(id: number): boolean {
    const lease = this.#leases.get(id);
    if (lease?.timer === undefined) return false;
    lease.deadlineMs = this.#clock.monotonicMs() + lease.ttlMs;
    return true;
  }

  /** Gives a lease its full time again, whatever state it is in. */
  rearm(id: number): void {
    const lease = this.#leases.get(id);
    if (lease) this.#arm(id, lease);
  }

  remove(id: number): void {
    this.#leases.get(id)?.timer?.cancel();
    this.#leases.delete(id);
  }

  attach(key: string, id: number): void {
    this.#leases.get(id)?.keys.add(key);
  }

  detach(key: string, id: number): void {
    this.#leases.get(id)?.keys.delete(key);
  }

  close(): void {
    for (const id of [...this.#leases.keys()]) this.remove(id);
  }

  #arm(id: number, lease: Lease): void {
    lease.timer?.cancel();
    lease.deadlineMs = this.#clock.monotonicMs() + lease.ttlMs;
    this.#wait(id, lease);
  }

  /** Keeping alive only moves the deadline; the timer finds that out when it fires. */
  #wait(id: number, lease: Lease): void {
    const leftMs = lease.deadlineMs - this.#clock.monotonicMs();
    lease.timer = this.#clock.after(leftMs, () => {
      if (lease.deadlineMs > this.#clock.monotonicMs()) return this.#wait(id, lease);
      lease.timer = undefined;
      this.#onExpired(id);
    });
  }
}
