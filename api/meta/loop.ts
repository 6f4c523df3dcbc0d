/**
 * Every endless motion in the house is a named `Loop`: it runs `step` again and again, waits between
 * turns, backs off when a turn throws, and ends when it is told to. `grep "new Loop("` lists them all.
 *
 * Invariant: at most one turn runs at a time, and after `stop()` resolves no turn runs.
 */
import { ApiError } from './api-error.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Logger } from './logger.ts';
import { type Random, systemRandom } from './random.ts';

export interface Backoff {
  baseMs: number;
  maxMs: number;
}

/** Full-jitter exponential delay before attempt `failures` + 1 (AWS "Exponential Backoff And Jitter"; half fixed). */
export function backoffMs(
  { baseMs, maxMs }: Backoff,
  failures: number,
  random: Random = systemRandom,
): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return ceiling / 2 + (random.next() * ceiling) / 2;
}

export interface LoopOptions {
  name: string;
  /** One turn. Resolves with the pause before the next turn in ms; undefined means `intervalMs`. */
  step: (signal: AbortSignal) => Promise<number | undefined> | Promise<void>;
  /** Pause after a turn that went well. */
  intervalMs: number;
  /** Pause after turns that threw; default 100 ms doubling to 30 s. */
  backoff?: Backoff;
  clock?: Clock;
  random?: Random;
  logger: Logger;
}

export class Loop {
  readonly name: string;
  /** Turns that ended well, and turns that threw: for metrics. */
  turns = 0;
  failures = 0;
  #consecutiveFailures = 0;
  readonly #options: LoopOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  /** Ends the pause between two turns; undefined while a turn runs. */
  #endPause: (() => void) | undefined;
  #woken = false;

  constructor(options: LoopOptions) {
    this.name = options.name;
    this.#options = options;
  }

  start(): this {
    this.#running ??= this.#run();
    return this;
  }

  /** Begins the next turn now instead of after the pause. */
  wake(): void {
    this.#woken = true;
    this.#endPause?.();
  }

  /** Ends the loop; resolves when the turn under way is over. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const pauseMs = await this.#turn();
      if (!this.#woken) await this.#pause(pauseMs);
      this.#woken = false;
    }
  }

  #pause(pauseMs: number): Promise<void> {
    const { clock = systemClock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.after(pauseMs, () => this.#endPause?.());
      this.#endPause = () => {
        this.#endPause = undefined;
        timer.cancel();
        resolve();
      };
    });
  }

  async #turn(): Promise<number> {
    const { step, intervalMs, backoff = { baseMs: 100, maxMs: 30_000 }, random, logger } = this.#options;
    try {
      const pauseMs = await step(this.#abort.signal);
      this.turns++;
      this.#consecutiveFailures = 0;
      return pauseMs ?? intervalMs;
    } catch (error) {
      if (this.#abort.signal.aborted) return 0;
      this.failures++;
      this.#consecutiveFailures++;
      const fields = { loop: this.name, failures: this.#consecutiveFailures, ...describeError(error) };
      logger.warn(fields, 'turn failed, backing off');
      return Math.max(backoffMs(backoff, this.#consecutiveFailures, random), askedPauseMs(error));
    }
  }
}

/** How long the other side asked us to stay away (Retry-After). */
export function askedPauseMs(error: unknown): number {
  return error instanceof ApiError ? (error.details.retryAfterSeconds ?? 0) * 1000 : 0;
}

/** An ApiError says all in a line; of anything else the stack is wanted too. */
function describeError(error: unknown): object {
  return error instanceof ApiError ? { reason: error.reason, problem: error.message } : { err: error };
}
