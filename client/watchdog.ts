/** Calls `onStall` once when it has not been touched for `limitMs`. Touching costs no timer. */
import type { Clock, Timer } from '../api/meta/clock.ts';

export class Watchdog {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onStall: () => void;
  #touchedMs: number;
  #timer: Timer;

  constructor(clock: Clock, limitMs: number, onStall: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onStall = onStall;
    this.#touchedMs = clock.monotonicMs();
    this.#timer = clock.after(limitMs, this.#check);
  }

  touch(): void {
    this.#touchedMs = this.#clock.monotonicMs();
  }

  cancel(): void {
    this.#timer.cancel();
  }

  readonly #check = (): void => {
    const leftMs = this.#touchedMs + this.#limitMs - this.#clock.monotonicMs();
    if (leftMs > 0) this.#timer = this.#clock.after(leftMs, this.#check);
    else this.#onStall();
  };
}
