/**
 * The durable checkpoint: one file per task, replaced whole, `<root>/tasks/<uid>/task.json`.
 *
 * Invariant: after `save` resolves the record survives the agent's death; a reader never sees half a file.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../api/meta/logger.ts';
import type { TaskRecord } from './task-record.ts';

export class TaskRecords {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #saves = new Map<string, Promise<void>>();

  constructor(rootDirectory: string, logger: Logger) {
    this.#directory = join(rootDirectory, 'tasks');
    this.#logger = logger;
  }

  async load(): Promise<TaskRecord[]> {
    const uids = await readdir(this.#directory).catch(() => []);
    const records = await Promise.all(uids.map((uid) => this.#read(uid)));
    return records.filter((record) => record !== undefined);
  }

  /** Saves of one record take turns; the last one wins. */
  async save(record: TaskRecord): Promise<void> {
    const before = this.#saves.get(record.uid) ?? Promise.resolve();
    const saved = before.catch(() => {}).then(() => this.#write(record));
    this.#saves.set(record.uid, saved);
    try {
      await saved;
    } finally {
      if (this.#saves.get(record.uid) === saved) this.#saves.delete(record.uid);
    }
  }

  async #write(record: TaskRecord): Promise<void> {
    const directory = join(this.#directory, record.uid);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const draft = join(directory, 'task.json.part');
    const file = await open(draft, 'w', 0o600);
    await file.writeFile(JSON.stringify(record)).finally(() => file.close());
    await rename(draft, join(directory, 'task.json'));
  }

  async remove(uid: string): Promise<void> {
    await rm(join(this.#directory, uid), { recursive: true, force: true });
  }

  async #read(uid: string): Promise<TaskRecord | undefined> {
    const path = join(this.#directory, uid, 'task.json');
    try {
      return JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      // Its containers are named by no record, and so are removed; the task is started afresh.
      this.#logger.warn({ path, err: error }, 'task record cannot be read, forgetting it');
      await this.remove(uid);
      return undefined;
    }
  }
}
