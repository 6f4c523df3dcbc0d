/**
 * Time, injected. Nothing in the house calls `Date.now()`, `setTimeout` or `setInterval` but this file,
 * so the whole control plane can run on `VirtualClock`, where tests move time by hand.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, milliseconds since the epoch. May jump; use it for timestamps only. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. Use it for durations and deadlines. */
  monotonicMs(): number;
  /** Runs `callback` once, `delayMs` from now. */
  after(delayMs: number, callback: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(delayMs, 0x7fff_ffff));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs`, or at once when `signal` aborts (it never rejects: callers look at the signal). */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.after(delayMs, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

interface PendingTimer {
  dueMs: number;
  order: number;
  callback: () => void;
}

/** A clock that stands still until `advance`. Timers due at the same moment run in the order they were set. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #timers = new Set<PendingTimer>();
  #wallOffsetMs = 0;

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Sets the wall clock forward or back, as an administrator or a time server does; nothing falls due by it. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** How many timers are waiting: a test can see that nothing leaks. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves time forward, running what falls due; between timers every settled promise gets its turn. */
  async advance(byMs: number): Promise<void> {
    const targetMs = this.#nowMs + byMs;
    for (await drainMicrotasks(); ; await drainMicrotasks()) {
      const next = this.#nextDue(targetMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = targetMs;
  }

  #nextDue(untilMs: number): PendingTimer | undefined {
    let first: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue;
      if (!first || timer.dueMs < first.dueMs || (timer.dueMs === first.dueMs && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }
}

/** Lets every promise and immediate that can go on without time go on. */
async function drainMicrotasks(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
