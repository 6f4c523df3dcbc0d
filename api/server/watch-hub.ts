/**
 * All watches of one kind. Watchers of the same selection and format form a group: an event is matched and
 * made into bytes once per group, and a group's events of a few milliseconds go out as one shared batch.
 *
 * Invariant: a watcher sees each matching event after the revision it joined at exactly once, in order, or
 * its stream ends.
 */
import { ApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { Revision } from '../store/store.ts';
import type { CachedObject } from './cached-object.ts';
import { bookmarkFrame, type EventFormat, type EventType, errorFrame } from './event-format.ts';
import type { KindCache, KindEvent, KindListener } from './kind-cache.ts';
import type { ServedKind } from './kind-table.ts';
import { type Selection, selects } from './selection.ts';
import { WatchQueue } from './watch-queue.ts';

/**
 * Events closer together than this share a batch; a lone event goes out at once. Many watchers, or slow
 * machines, have longer batches: sending takes at most half of the time, the rest is for requests.
 */
const shortestBatchMs = 5;
const longestBatchMs = 60;

export interface WatchOptions {
  selection: Selection;
  format: EventFormat;
  bookmarks: boolean;
  /** Sent before the live events. */
  initial: Iterable<Buffer>;
}

interface Group {
  id: string;
  selection: Selection;
  format: EventFormat;
  bookmarks: boolean;
  watchers: Set<WatchQueue>;
  /** Frames not handed to the watchers yet. */
  pending: Buffer[];
  flushScheduled: boolean;
  /** Before it, events are kept for the next batch. */
  nextFlushMs: number;
}

export class WatchHub implements KindListener {
  readonly #served: ServedKind;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();
  /** Groups that ask for one value of a field (tasks of one node), so that the rest need not look: field -> value. */
  readonly #byField = new Map<string, Map<string, Set<Group>>>();
  readonly #unindexed = new Set<Group>();
  readonly #unsubscribe: () => void;
  #soloGroups = 0;

  constructor(served: ServedKind, cache: KindCache, clock: Clock) {
    this.#served = served;
    this.#clock = clock;
    this.#unsubscribe = cache.subscribe(this);
  }

  get watchers(): number {
    let count = 0;
    for (const { watchers } of this.#groups.values()) count += watchers.size;
    return count;
  }

  /** Joins at the cache's present state: nothing may be awaited between reading `initial` and this call. */
  open(options: WatchOptions): WatchQueue {
    const group = this.#groupFor(options);
    this.#flush(group);
    const queue = new WatchQueue(options.initial);
    queue.onEnd(() => this.#leave(group, queue));
    group.watchers.add(queue);
    return queue;
  }

  onEvent(event: KindEvent): void {
    const frames = new Map<string, Buffer>();
    for (const group of this.#unindexed) this.#offer(group, event, frames);
    for (const [field, byValue] of this.#byField) {
      const now = event.object.field(this.#served.kind, field) ?? '';
      const before = event.previous?.field(this.#served.kind, field) ?? now;
      for (const group of byValue.get(now) ?? []) this.#offer(group, event, frames);
      if (before !== now) for (const group of byValue.get(before) ?? []) this.#offer(group, event, frames);
    }
  }

  onReset(): void {
    const error = new ApiError('Expired', 'too old resource version: the cache was filled anew');
    for (const group of [...this.#groups.values()]) {
      this.#flush(group);
      for (const watcher of [...group.watchers]) {
        watcher.push(errorFrame(error));
        watcher.end();
      }
    }
  }

  /** Tells the watchers that want to know that they have everything up to `revision`. */
  bookmark(revision: Revision): void {
    const frame = bookmarkFrame(this.#served, revision);
    for (const group of this.#groups.values()) {
      if (!group.bookmarks) continue;
      group.pending.push(frame);
      this.#flush(group);
    }
  }

  /** Ends every watch, cleanly. */
  close(): void {
    this.#unsubscribe();
    for (const group of [...this.#groups.values()]) {
      this.#flush(group);
      for (const watcher of [...group.watchers]) watcher.end();
    }
  }

  #offer(group: Group, event: KindEvent, frames: Map<string, Buffer>): void {
    const shown = eventFor(group.selection, event);
    if (!shown) return;
    group.pending.push(frameOf(group.format, shown, frames));
    this.#scheduleFlush(group);
  }

  #scheduleFlush(group: Group): void {
    if (group.flushScheduled) return;
    group.flushScheduled = true;
    const waitMs = group.nextFlushMs - this.#clock.monotonicMs();
    if (waitMs <= 0) setImmediate(() => this.#flush(group));
    else this.#clock.after(waitMs, () => this.#flush(group));
  }

  #flush(group: Group): void {
    group.flushScheduled = false;
    if (group.pending.length === 0) return;
    this.#paceNext(group);
    const batch = group.pending.length === 1 ? group.pending[0]! : Buffer.concat(group.pending);
    group.pending = [];
    for (const watcher of group.watchers) watcher.push(batch);
  }

  /** The watchers' connections are written to before the immediates run: by then it is known what that took. */
  #paceNext(group: Group): void {
    const startMs = this.#clock.monotonicMs();
    group.nextFlushMs = startMs + shortestBatchMs;
    setImmediate(() => {
      const tookMs = this.#clock.monotonicMs() - startMs;
      group.nextFlushMs = startMs + Math.min(longestBatchMs, Math.max(shortestBatchMs, 2 * tookMs));
    });
  }

  #groupFor({ selection, format, bookmarks }: WatchOptions): Group {
    const share = format.shareId ?? `solo/${this.#soloGroups++}`;
    const id = JSON.stringify([selection.text, share, bookmarks]);
    const existing = this.#groups.get(id);
    if (existing) return existing;
    const group: Group = {
      id,
      selection,
      format,
      bookmarks,
      watchers: new Set(),
      pending: [],
      flushScheduled: false,
      nextFlushMs: Number.NEGATIVE_INFINITY,
    };
    this.#groups.set(id, group);
    this.#indexSetOf(selection).add(group);
    return group;
  }

  #leave(group: Group, queue: WatchQueue): void {
    group.watchers.delete(queue);
    if (group.watchers.size > 0) return;
    this.#groups.delete(group.id);
    this.#indexSetOf(group.selection).delete(group);
    const indexed = indexedField(group.selection);
    if (!indexed) return;
    const byValue = this.#byField.get(indexed.field);
    if (byValue?.get(indexed.value)?.size === 0) byValue.delete(indexed.value);
    if (byValue?.size === 0) this.#byField.delete(indexed.field);
  }

  #indexSetOf(selection: Selection): Set<Group> {
    const indexed = indexedField(selection);
    if (!indexed) return this.#unindexed;
    let byValue = this.#byField.get(indexed.field);
    if (!byValue) this.#byField.set(indexed.field, (byValue = new Map()));
    let groups = byValue.get(indexed.value);
    if (!groups) byValue.set(indexed.value, (groups = new Set()));
    return groups;
  }
}

function indexedField({ fields }: Selection): { field: string; value: string } | undefined {
  return fields.find(({ equal }) => equal);
}

/** The event as this selection sees it: coming to match is ADDED, ceasing to match is DELETED. */
export function eventFor(
  selection: Selection,
  { type, revision, object, previous }: KindEvent,
): { type: EventType; object: CachedObject } | undefined {
  const matches = type !== 'DELETED' && selects(selection, object);
  const matched = previous !== undefined && selects(selection, previous);
  if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', object };
  if (!matched) return undefined;
  return { type: 'DELETED', object: type === 'DELETED' ? object : previous.atRevision(revision) };
}

function frameOf(
  format: EventFormat,
  { type, object }: { type: EventType; object: CachedObject },
  frames: Map<string, Buffer>,
): Buffer {
  if (format.shareId === undefined) return format.frame(type, object);
  const id = `${type}/${format.shareId}`;
  let frame = frames.get(id);
  if (!frame) frames.set(id, (frame = format.frame(type, object)));
  return frame;
}
