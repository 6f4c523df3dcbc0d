/**
 * Live delivery: the watchers that have caught up, and one `publish` per commit.
 *
 * Nothing is buffered here: handlers are called in place, so a watcher costs its filter and no memory.
 * Invariant: a watcher sees every revision from `next` on once, in order; `next` only grows.
 */
import { type ApiError, asApiError } from '../meta/api-error.ts';
import type { Revision, StoreEvent, WatchHandler } from './store.ts';
import { eventKey, eventRevision } from './store-event.ts';

export class Watcher {
  readonly prefix: string;
  /** The first revision not delivered yet. */
  next: Revision;
  ended = false;
  readonly #handler: WatchHandler;

  constructor(prefix: string, fromRevision: Revision, handler: WatchHandler) {
    this.prefix = prefix;
    this.next = Math.max(1, fromRevision);
    this.#handler = handler;
  }

  /** `events` are all those of the revisions up to `last`, for whatever key; this picks its own. */
  deliver(events: StoreEvent[], last: Revision): void {
    if (this.ended || last < this.next) return;
    const mine = this.#select(events);
    this.next = last + 1;
    if (mine.length === 0) return;
    try {
      this.#handler.onEvents(mine, last);
    } catch (error) {
      // One broken handler must not keep the commit from the others.
      this.fail(asApiError(error));
    }
  }

  fail(error: ApiError): void {
    if (this.ended) return;
    this.ended = true;
    this.#handler.onError(error);
  }

  #select(events: StoreEvent[]): StoreEvent[] {
    const wanted = (event: StoreEvent): boolean =>
      eventRevision(event) >= this.next && eventKey(event).startsWith(this.prefix);
    // The usual watcher wants everything, and then all of them share one array.
    return events.every(wanted) ? events : events.filter(wanted);
  }
}

export class WatchHub {
  readonly #watchers = new Set<Watcher>();

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  remove(watcher: Watcher): void {
    watcher.ended = true;
    this.#watchers.delete(watcher);
  }

  publish(events: StoreEvent[], last: Revision): void {
    for (const watcher of this.#watchers) {
      watcher.deliver(events, last);
      if (watcher.ended) this.#watchers.delete(watcher);
    }
  }

  failAll(error: ApiError): void {
    for (const watcher of this.#watchers) watcher.fail(error);
    this.#watchers.clear();
  }
}
