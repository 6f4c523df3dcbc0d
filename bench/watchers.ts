/**
 * Many watches at once, in a process of their own (watcher-process.ts): on the cores they share with the API
 * server, what reading costs must not be counted as what serving costs.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { sleep, systemClock } from '../api/meta/clock.ts';
import { cpuSeconds } from './process-usage.ts';
import type { Heard } from './watcher-process.ts';

const patienceMs = 15_000;

export class Watchers {
  readonly #process: ChildProcess;
  #heard: Heard = { delivered: 0, fewest: 0, lateMs: [] };
  lateMs: number[] = [];

  private constructor(process: ChildProcess) {
    this.#process = process;
    process.on('message', (heard: Heard) => {
      this.#heard = heard;
      this.lateMs.push(...heard.lateMs);
    });
  }

  /** Resolves when all of them have joined; `kubeconfig` says where. */
  static async open(kubeconfig: string, count: number): Promise<Watchers> {
    const child = fork(join(import.meta.dirname, 'watcher-process.ts'), [kubeconfig, `${count}`]);
    const watchers = new Watchers(child);
    await new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`the watchers ended with ${code}`)));
    });
    return watchers;
  }

  /** How many events all of them have had together. */
  get delivered(): number {
    return this.#heard.delivered;
  }

  /** How many events the one that has had fewest has had. */
  get fewest(): number {
    return this.#heard.fewest;
  }

  get cpuSeconds(): number {
    return cpuSeconds(this.#process.pid);
  }

  /** Resolves when each has had `expected` events, or nothing more is to be hoped for. */
  async caughtUp(expected: number): Promise<void> {
    const startMs = performance.now();
    while (this.fewest < expected && performance.now() - startMs < patienceMs) await sleep(systemClock, 20);
  }

  close(): void {
    this.#process.removeAllListeners('exit');
    this.#process.kill('SIGKILL');
  }
}
