/**
 * The queue between "something changed" and "do something about it". It holds keys, never objects or
 * events: the worker reads the newest state when its turn comes, so bursts collapse into one run.
 *
 * Contract (client-go's workqueue):
 *  - Fair: keys are handed out in the order they were added.
 *  - Stingy: a key added many times before it is taken is handed out once.
 *  - Exclusive: a key is never handed out twice at once; added while in flight, it comes again after `done`.
 *  - Ending: after `shutdown` nothing is accepted; what is queued still comes, then `take` gives undefined.
 */
import { type Clock, systemClock, type Timer } from '../api/meta/clock.ts';
import { type Backoff, backoffMs } from '../api/meta/loop.ts';
import { type Random, systemRandom } from '../api/meta/random.ts';

export interface WorkQueueOptions {
  clock?: Clock;
  random?: Random;
  /** Pause before a key is tried again by `retry`; default 5 ms doubling to 5 minutes. */
  backoff?: Backoff;
}

interface Delayed {
  dueMs: number;
  timer: Timer;
}

export class WorkQueue {
  /** For metrics: keys accepted, and how many of them came through `retry`. */
  adds = 0;
  retries = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: Backoff;
  /** Waiting for a taker, oldest first. Never holds a key that is in flight. */
  readonly #queued = new Set<string>();
  /** Goes through `#queued` once; kept between takes, because a new iterator would walk over every hole. */
  #order = this.#queued.values();
  /** Handed out, `done` not called yet. */
  readonly #inFlight = new Set<string>();
  /** Added while in flight: queued again by `done`. A subset of `#inFlight`. */
  readonly #again = new Set<string>();
  /** Not yet due; one timer per key, the earliest asked for. */
  readonly #delayed = new Map<string, Delayed>();
  /** Failures in a row per key, until `forget`. */
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #drained: (() => void)[] = [];
  #ending = false;

  constructor({ clock = systemClock, random = systemRandom, backoff }: WorkQueueOptions = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = backoff ?? { baseMs: 5, maxMs: 300_000 };
  }

  /** Keys ready to be taken. */
  get depth(): number {
    return this.#queued.size;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Keys waiting for their time. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** Nothing to do right now (delayed keys do not count). */
  get idle(): boolean {
    return this.#queued.size === 0 && this.#inFlight.size === 0;
  }

  add(key: string): void {
    if (this.#ending || this.#queued.has(key) || this.#again.has(key)) return;
    this.adds++;
    if (this.#inFlight.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#queued.add(key);
    const taker = this.#takers.shift();
    taker?.(this.#next());
  }

  /** Adds the key `delayMs` from now. Of several delays for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#ending) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.dueMs <= dueMs) return;
    earlier?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, timer });
  }

  /** Adds the key again after a pause that grows with every `retry` since the last `forget`. */
  retry(key: string, atLeastMs = 0): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.retries++;
    this.addAfter(key, Math.max(atLeastMs, backoffMs(this.#backoff, failures, this.#random)));
  }

  /** The key went well: its next failure starts from the shortest pause. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, when there is one; undefined once the queue has ended. Every key taken needs its `done`. */
  take(): Promise<string | undefined> {
    const key = this.#next();
    if (key !== undefined || this.#ending) return Promise.resolve(key);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#inFlight.delete(key);
    if (this.#again.delete(key)) {
      this.#queued.add(key);
      this.#takers.shift()?.(this.#next());
    }
    this.#reportDrained();
  }

  /** Accepts nothing more and forgets what is delayed; resolves when everything queued is done. */
  shutdown(): Promise<void> {
    this.#ending = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
    return new Promise((resolve) => {
      this.#drained.push(resolve);
      this.#reportDrained();
    });
  }

  /** Drops what is queued, so that a shutdown waits only for what is in flight. */
  clear(): void {
    this.#queued.clear();
    this.#again.clear();
    this.#reportDrained();
  }

  #next(): string | undefined {
    let step = this.#order.next();
    if (step.done) {
      this.#order = this.#queued.values();
      step = this.#order.next();
    }
    if (step.done) return undefined;
    this.#queued.delete(step.value);
    this.#inFlight.add(step.value);
    return step.value;
  }

  #reportDrained(): void {
    if (!this.#ending || !this.idle) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
