/**
 * Tells users why tasks are pending: `status.pending`, the condition Scheduled=False and a FailedScheduling
 * event. Stands behind the scheduler's decisions and never holds them up.
 *
 * Invariant: a reason is reported when it changes, not when it is found again; numbers alone (how many
 * nodes, how much is missing) are brought up to date at most every 30 seconds, without an event.
 */
import { Task } from '../api/kinds/resources.ts';
import { hasReason } from '../api/meta/api-error.ts';
import type { Clock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { splitKey } from '../api/meta/object-meta.ts';
import type { Random } from '../api/meta/random.ts';
import type { Client, ObjectKey } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { ObjectReader } from '../client/object-cache.ts';
import { WorkQueue } from '../client/work-queue.ts';
import type { Explanation } from './core/explain.ts';
import { pendingOf, pendingPatch, sameReasons } from './pending-status.ts';

export interface PendingReporterOptions {
  client: Client;
  tasks: ObjectReader<Task>;
  events: EventRecorder;
  clock: Clock;
  random: Random;
  logger: Logger;
}

interface Report {
  uid: string;
  explanation: Explanation;
  writtenMs: number;
}

const workers = 8;
const refreshMs = 30_000;

export class PendingReporter {
  readonly #options: PendingReporterOptions;
  readonly #queue: WorkQueue;
  /** The newest explanation per waiting task. */
  readonly #reports = new Map<string, Report>();
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: PendingReporterOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.#queue = new WorkQueue({ clock, random, backoff: { baseMs: 50, maxMs: 10_000 } });
  }

  start(): this {
    this.#work = Promise.all(Array.from({ length: workers }, () => this.#runWorker()));
    return this;
  }

  async stop(): Promise<void> {
    this.#queue.clear();
    await Promise.all([this.#queue.shutdown(), this.#work]);
  }

  report(key: string, uid: string, explanation: Explanation): void {
    const known = this.#reports.get(key);
    const writtenMs = known?.uid === uid ? known.writtenMs : Number.NEGATIVE_INFINITY;
    this.#reports.set(key, { uid, explanation, writtenMs });
    this.#queue.add(key);
  }

  /** The task no longer waits. */
  forget(key: string): void {
    this.#reports.delete(key);
    this.#queue.forget(key);
  }

  async #runWorker(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      try {
        await this.#write(key);
        this.#queue.forget(key);
      } catch (error) {
        this.#failed(key, error);
      }
      this.#queue.done(key);
    }
  }

  async #write(key: string): Promise<void> {
    const { client, tasks, events, clock } = this.#options;
    const report = this.#reports.get(key);
    const task = tasks.get(key);
    if (!report || task?.metadata.uid !== report.uid || task.spec.nodeName !== undefined) return;
    const nowMs = clock.now();
    const before = task.status.pending;
    const pending = pendingOf(report.explanation, before, nowMs);
    const { nominated } = report.explanation;
    const isNews = !before || !sameReasons(before, pending) || task.status.nominatedNodeName !== nominated;
    const isStale =
      before?.message !== pending.message && clock.monotonicMs() - report.writtenMs >= refreshMs;
    if (!isNews && !isStale) return;
    const body = pendingPatch(task, { pending, nominated }, nowMs);
    await client.patch(Task, splitKey(key) as ObjectKey, { type: 'merge', body }, { subresource: 'status' });
    report.writtenMs = clock.monotonicMs();
    if (!isNews) return;
    const { reason, message } = pending;
    if (reason === 'Preempting') events.record(task, { type: 'Normal', reason, message });
    else events.record(task, { type: 'Warning', reason: 'FailedScheduling', message });
  }

  /** Conflict: the cache is behind the server, and the next try sees the newer task. */
  #failed(key: string, error: unknown): void {
    if (hasReason(error, 'NotFound')) return;
    if (!hasReason(error, 'Conflict'))
      this.#options.logger.warn({ task: key, err: error }, 'pending status not written');
    this.#queue.retry(key);
  }
}
