/**
 * The loop of a controller: take a key, reconcile it, decide from the outcome when to look again.
 * Read this file to know what happens to any reconcile, good or bad.
 *
 * Invariant: one key is never reconciled by two workers; a failed key always comes back, unless its
 * error says that trying again is useless.
 */
import { ApiError, hasReason } from '../api/meta/api-error.ts';
import type { Clock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { askedPauseMs } from '../api/meta/loop.ts';
import { fencedClient } from './client-interceptor.ts';
import {
  type ControllerDefinition,
  type ReconcileContext,
  type Result,
  TerminalError,
} from './controller.ts';
import { LinkedAbort } from './linked-abort.ts';
import type { WorkQueue } from './work-queue.ts';

/** Plain counters, named after controller_runtime_*; seconds are summed over all reconciles. */
export interface ControllerMetrics {
  total: number;
  errors: number;
  conflicts: number;
  terminalErrors: number;
  timeouts: number;
  active: number;
  seconds: number;
}

export type SharedContext = Omit<ReconcileContext, 'key' | 'signal'>;

export interface ControllerLoopOptions {
  definition: ControllerDefinition;
  queue: WorkQueue;
  context: SharedContext;
}

export class ControllerLoop {
  readonly metrics: ControllerMetrics = {
    total: 0,
    errors: 0,
    conflicts: 0,
    terminalErrors: 0,
    timeouts: 0,
    active: 0,
    seconds: 0,
  };
  readonly #definition: ControllerDefinition;
  readonly #queue: WorkQueue;
  readonly #context: SharedContext;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor({ definition, queue, context }: ControllerLoopOptions) {
    this.#definition = definition;
    this.#queue = queue;
    this.#context = context;
    this.#clock = context.clock;
    this.#logger = context.logger;
  }

  /** Works until the queue has ended. `signal` cuts off the reconciles under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { concurrency } = this.#definition.options;
    await Promise.all(Array.from({ length: concurrency }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      if (!signal.aborted) await this.#reconcileOne(key, signal);
      this.#queue.done(key);
    }
  }

  async #reconcileOne(key: string, signal: AbortSignal): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    this.metrics.total++;
    this.metrics.active++;
    try {
      this.#onSuccess(key, await this.#reconcile(key, signal));
    } catch (error) {
      if (!signal.aborted) this.#onError(key, error);
    } finally {
      this.metrics.active--;
      this.metrics.seconds += (this.#clock.monotonicMs() - startMs) / 1000;
    }
  }

  #onSuccess(key: string, result: Result | undefined): void {
    this.#queue.forget(key);
    if (result) this.#queue.addAfter(key, result.requeueAfterMs);
  }

  #onError(key: string, error: unknown): void {
    const fields = { controller: this.#definition.name, key, err: error };
    if (error instanceof TerminalError) {
      this.metrics.terminalErrors++;
      this.#queue.forget(key);
      this.#logger.error(fields, 'reconcile failed for good, waiting for a change');
      return;
    }
    if (hasReason(error, 'Conflict')) {
      // The cache was behind. Everyday business: the newer object is on its way.
      this.metrics.conflicts++;
      this.#logger.debug(fields, 'reconcile met a newer object, trying again');
    } else {
      this.metrics.errors++;
      this.#logger.warn(
        { ...fields, failures: this.#queue.failuresOf(key) + 1 },
        'reconcile failed, trying again',
      );
    }
    this.#queue.retry(key, askedPauseMs(error));
  }

  /** Runs reconcile until it ends or its time is over, whichever comes first. */
  async #reconcile(key: string, parent: AbortSignal): Promise<Result | undefined> {
    const limit = new LinkedAbort(parent);
    const timer = this.#clock.after(this.#definition.options.timeoutMs, () => {
      this.metrics.timeouts++;
      limit.abort(new ApiError('Timeout', `reconcile of ${key} took too long and was given up`));
    });
    const { signal } = limit;
    const client = fencedClient(this.#context.client, () => signal.throwIfAborted());
    try {
      // Abandoned work is harmless: its client refuses to write, and reconcile may be cut off anywhere.
      const work = this.#definition.reconcile(key, { ...this.#context, key, client, signal });
      return (await Promise.race([work, rejectOnAbort(signal)])) ?? undefined;
    } finally {
      timer.cancel();
      limit.release();
    }
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
