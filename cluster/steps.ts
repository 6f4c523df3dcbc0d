/** Numbered steps with timings, as `up` prints them: `[2/6] certificates .............. 0.12 s`. */
import type { Clock } from '../api/meta/clock.ts';
import type { Output } from './options.ts';

export class Steps {
  #number = 0;
  readonly #startMs: number;
  readonly #total: number;
  readonly #output: Output;
  readonly #clock: Clock;

  constructor(total: number, output: Output, clock: Clock) {
    this.#total = total;
    this.#output = output;
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  /** Runs one step; `body` may return words to add to its line. */
  async run(title: string, body: () => Promise<string | undefined> | Promise<void>): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    const label = `[${++this.#number}/${this.#total}] ${title} `;
    const detail = await body();
    const seconds = ((this.#clock.monotonicMs() - startMs) / 1000).toFixed(2);
    this.#output.out(`${label.padEnd(46, '.')} ${seconds} s${detail ? `  ${detail}` : ''}\n`);
  }

  get elapsedSeconds(): string {
    return ((this.#clock.monotonicMs() - this.#startMs) / 1000).toFixed(2);
  }
}
