/** A watch handler that keeps what it gets, and lets a test wait for it. */
import type { Revision, StoreEvent, WatchHandler } from '../../api/store/store.ts';
import { eventKey, eventRevision } from '../../api/store/store-event.ts';

export class WatchRecorder implements WatchHandler {
  readonly events: StoreEvent[] = [];
  readonly batches: { events: StoreEvent[]; revision: Revision }[] = [];
  error: Error | undefined;
  readonly #waiting = new Set<() => void>();

  onEvents(events: StoreEvent[], revision: Revision): void {
    this.events.push(...events);
    this.batches.push({ events, revision });
    for (const check of this.#waiting) check();
  }

  onError(error: Error): void {
    this.error = error;
    for (const check of this.#waiting) check();
  }

  /** `put a=1`, `delete b`: what happened, in order. */
  get log(): string[] {
    return this.events.map((event) =>
      event.type === 'put' ? `put ${event.kv.key}=${event.kv.value}` : `delete ${eventKey(event)}`,
    );
  }

  get revisions(): Revision[] {
    return this.events.map(eventRevision);
  }

  /** Resolves once so many events came; rejects when the watch ends before. */
  count(events: number): Promise<void> {
    return this.#until(
      () => this.events.length >= events,
      () => this.error,
    );
  }

  ended(): Promise<void> {
    return this.#until(
      () => this.error !== undefined,
      () => undefined,
    );
  }

  #until(holds: () => boolean, broken: () => Error | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const error = broken();
        if (!holds() && !error) return;
        this.#waiting.delete(check);
        if (holds()) resolve();
        else reject(error);
      };
      this.#waiting.add(check);
      check();
    });
  }
}
