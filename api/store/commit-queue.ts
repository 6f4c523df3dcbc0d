/**
 * Group commit: whatever was queued while one batch was being made durable goes into the next one.
 *
 * Invariant: one batch at a time; a caller is answered after its batch is durable and published, or failed
 * with it.
 */
import { asApiError } from '../meta/api-error.ts';
import type { CommitBatch } from './commit-batch.ts';

export interface CommitSteps {
  begin(): CommitBatch;
  /** Makes it durable, all or nothing. */
  append(batch: CommitBatch): Promise<void>;
  /** Makes it visible. */
  publish(batch: CommitBatch): void;
}

interface Queued {
  sizeBytes: number;
  evaluate(batch: CommitBatch): void;
  done(): void;
  failed(error: Error): void;
}

/** What one batch may carry, so that one giant queue does not become one giant write. */
const maxBatchBytes = 4 << 20;

export class CommitQueue {
  readonly #steps: CommitSteps;
  readonly #queue: Queued[] = [];
  #running: Promise<void> | undefined;

  constructor(steps: CommitSteps) {
    this.#steps = steps;
  }

  /** Evaluates on the heads of its turn; resolves with the outcome once it is durable and published. */
  submit<T>(sizeBytes: number, evaluate: (batch: CommitBatch) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let outcome: T;
      this.#queue.push({
        sizeBytes,
        evaluate: (batch) => {
          outcome = evaluate(batch);
        },
        done: () => resolve(outcome),
        failed: reject,
      });
      this.#running ??= this.#run();
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // Callers of the same turn of the event loop share the first batch.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commit(this.#take());
    this.#running = undefined;
  }

  #take(): Queued[] {
    let sizeBytes = 0;
    let count = 0;
    while (count < this.#queue.length && sizeBytes < maxBatchBytes) {
      sizeBytes += this.#queue[count++]!.sizeBytes;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(queued: Queued[]): Promise<void> {
    const batch = this.#steps.begin();
    const evaluated = queued.filter((item) => evaluates(item, batch));
    try {
      if (!batch.isEmpty) await this.#steps.append(batch);
    } catch (error) {
      for (const item of evaluated) item.failed(asApiError(error));
      return;
    }
    this.#steps.publish(batch);
    for (const item of evaluated) item.done();
  }
}

function evaluates(item: Queued, batch: CommitBatch): boolean {
  try {
    item.evaluate(batch);
    return true;
  } catch (error) {
    item.failed(asApiError(error));
    return false;
  }
}
