/** Tells when a log may have grown: by inotify where the kernel has room for it, in any case after a while. */
import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../api/meta/clock.ts';

/** Also how soon it is seen that the container, or the wish to follow it, is over. */
const pollMs = 100;

export class LogChanges {
  readonly #clock: Clock;
  readonly #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: () => void = () => {};

  constructor(path: string, clock: Clock) {
    this.#clock = clock;
    this.#watcher = watchOrNone(dirname(path), () => {
      this.#changed = true;
      this.#wake();
    });
  }

  /** Resolves at once when something was written since it last resolved. */
  async next(): Promise<void> {
    if (!this.#changed)
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(pollMs, resolve);
        this.#wake = () => {
          timer.cancel();
          resolve();
        };
      });
    this.#changed = false;
  }

  close(): void {
    this.#watcher?.close();
  }
}

function watchOrNone(directory: string, listener: () => void): FSWatcher | undefined {
  try {
    return watch(directory, listener).on('error', () => {});
  } catch {
    return undefined;
  }
}
