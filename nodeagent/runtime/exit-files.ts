/**
 * Exit files: how containers that end tell an agent that may be dead just then. One directory, one file
 * per container, named by its id, holding the decimal exit code. conmon and the unconfined wrapper write them.
 *
 * Invariant: no exit is missed: the watch is open before the first scan, and scans repeat.
 */
import { type FSWatcher, readFileSync, statSync, watch } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';

export interface Exit {
  exitCode: number;
  finishedAtMs: number;
}

const rescanMs = 10_000;

export class ExitFiles {
  readonly directory: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #watcher: FSWatcher | undefined;
  #rescan: Loop | undefined;

  constructor(directory: string, { logger, clock = systemClock }: { logger: Logger; clock?: Clock }) {
    this.directory = directory;
    this.#logger = logger;
    this.#clock = clock;
  }

  async watch(listener: (cid: string) => void): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    this.#watcher = watch(this.directory, (_event, name) => {
      if (name !== null && !name.includes('.')) listener(name);
    });
    const step = async (): Promise<void> => {
      for (const cid of await this.list()) listener(cid);
    };
    const options = { intervalMs: rescanMs, clock: this.#clock, logger: this.#logger };
    this.#rescan = new Loop({ name: 'exit-rescan', step, ...options }).start();
  }

  async list(): Promise<string[]> {
    const names = await readdir(this.directory).catch(() => []);
    return names.filter((name) => !name.includes('.'));
  }

  /**
   * Undefined while the container has not ended, or its file is still being written. Synchronous: that nothing is
   * there is asked every few seconds for every container, and waiting in line for a thread costs more than looking.
   */
  read(cid: string): Exit | undefined {
    const path = join(this.directory, cid);
    try {
      const text = readFileSync(path, 'utf8').trim();
      if (!/^\d+$/.test(text)) return undefined;
      return { exitCode: Number(text), finishedAtMs: Math.floor(statSync(path).mtimeMs) };
    } catch {
      return undefined;
    }
  }

  /** For an end that nobody was left to record. */
  async write(cid: string, exitCode: number): Promise<void> {
    await writeFile(join(this.directory, cid), `${exitCode}`, { flag: 'wx' }).catch(() => {});
  }

  async remove(cid: string): Promise<void> {
    await rm(join(this.directory, cid), { force: true });
  }

  async close(): Promise<void> {
    this.#watcher?.close();
    await this.#rescan?.stop();
  }
}
