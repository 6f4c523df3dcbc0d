/**
 * Contract R4 on the node: a task with runPolicy AtMostOnce runs only while the deadline lies ahead. The agent
 * renews the deadline with the node's lease; the guard, a process of its own, keeps it.
 *
 *   claim → listed for the guard → start … deadline passed → killed; fenced, for good
 *
 * Invariants: a task is listed before any of its containers is made; a deadline that has passed is renewed only
 * after every claimed task was fenced, on disk, so that a late renewal revives nothing.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Task } from '../../api/kinds/resources.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import type { Clock } from '../../api/meta/clock.ts';
import { withCondition } from '../../api/meta/conditions.ts';
import { microTimestamp, timestamp } from '../../api/meta/object-meta.ts';
import type { Client } from '../../client/client.ts';
import { type Deadline, deadlineSeconds, formatDeadline, hasPassed, parseDeadline } from './deadline.ts';
import { ensureGuard } from './guard.ts';

export interface FenceOptions {
  directory: string;
  leaseDurationSeconds: number;
  client: Pick<Client, 'get' | 'updateStatus'>;
  clock: Clock;
}

export function fenceDirectory(runDirectory: string): string {
  return join(runDirectory, 'fence');
}

export function isAtMostOnce({ spec }: Pick<Task, 'spec'>): boolean {
  return spec.runPolicy === 'AtMostOnce';
}

export class Fence {
  readonly #options: FenceOptions;
  readonly #bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  #deadline: Deadline;
  /** How often the deadline was renewed too late. */
  #lapses = 0;
  /** One guard is started at a time. */
  #guard: Promise<void> = Promise.resolve();

  private constructor(options: FenceOptions, deadline: Deadline) {
    this.#options = options;
    this.#deadline = deadline;
  }

  /** Goes on with the deadline an agent before this one has left. */
  static async open(options: FenceOptions): Promise<Fence> {
    await mkdir(join(options.directory, 'tasks'), { recursive: true });
    const text = await readFile(join(options.directory, 'deadline'), 'utf8').catch(() => '');
    const fence = new Fence(options, parseDeadline(text));
    if ((await fence.#listed()).length > 0) await fence.#ensureGuard();
    return fence;
  }

  /** Seconds since boot, time asleep included. */
  now(): number {
    return Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
  }

  hasPassed(): boolean {
    return hasPassed(this.#deadline, { seconds: this.now(), bootId: this.#bootId });
  }

  /** Why tasks were ended, for people. */
  get message(): string {
    const since = this.#deadline.heardAt || 'this node began';
    return `the control plane was not heard since ${since}: a task that may run at most once ends then`;
  }

  /** The lease was renewed, by a request sent at `sentAtSeconds`. `fenceAll` runs first when that was too late. */
  async renew(sentAtSeconds: number, fenceAll: () => Promise<void>): Promise<void> {
    if (this.hasPassed()) {
      this.#lapses++;
      await fenceAll();
    }
    const { leaseDurationSeconds, clock } = this.#options;
    const deadline = {
      atSeconds: deadlineSeconds(sentAtSeconds, leaseDurationSeconds),
      bootId: this.#bootId,
      heardAt: timestamp(clock.now()),
    };
    await this.#write('deadline', formatDeadline(deadline));
    this.#deadline = deadline;
    if ((await this.#listed()).length > 0) await this.#ensureGuard();
  }

  /**
   * Asks the control plane for the task before its first start: a write that fails when the task was deleted or
   * given up, and that makes giving it up on older knowledge fail. False: not now. Throws what the client throws.
   */
  async claim({ metadata }: Task): Promise<boolean> {
    const { client, clock } = this.#options;
    const lapses = this.#lapses;
    const task = await client.get(Task, { namespace: metadata.namespace ?? '', name: metadata.name });
    const isWanted = task.metadata.uid === metadata.uid && !task.metadata.deletionTimestamp;
    if (!isWanted || task.status.phase === 'Unknown' || isTerminal(task.status.phase)) return false;
    const claimed = {
      ...{ type: 'Claimed', status: 'True' as const, reason: 'LeaseHeld' },
      // Different every time: a write that changes nothing would not be one.
      message: `claimed at ${microTimestamp(clock.now())}`,
    };
    const conditions = withCondition(task.status.conditions, claimed, clock.now());
    await client.updateStatus(Task, { ...task, status: { ...task.status, conditions } });
    return lapses === this.#lapses && !this.hasPassed();
  }

  /** From now on the guard has an eye on the task whose control group is `group`. */
  async list(uid: string, group: string): Promise<void> {
    await this.#write(join('tasks', uid), `${group}\n`);
    await this.#ensureGuard();
  }

  /** Nothing of the task is left. */
  async unlist(uid: string): Promise<void> {
    await rm(join(this.#options.directory, 'tasks', uid), { force: true });
  }

  /** Forgets those that an agent before this one has listed, and that are gone. */
  async keepOnly(uids: ReadonlySet<string>): Promise<void> {
    for (const uid of await this.#listed()) if (!uids.has(uid)) await this.unlist(uid);
  }

  #listed(): Promise<string[]> {
    return readdir(join(this.#options.directory, 'tasks'));
  }

  #ensureGuard(): Promise<void> {
    const { directory } = this.#options;
    this.#guard = this.#guard.catch(() => undefined).then(() => ensureGuard(directory));
    return this.#guard;
  }

  /** Whole or not at all. The draft lies where the guard does not look. */
  async #write(file: string, text: string): Promise<void> {
    const { directory } = this.#options;
    const draft = join(directory, `${basename(file)}.part`);
    await writeFile(draft, text);
    await rename(draft, join(directory, file));
  }
}
