/** Watches: from the present state or from a version on, as a stream of JSON lines. */
import { ApiError } from '../../meta/api-error.ts';
import type { Revision } from '../../store/store.ts';
import { representationOf } from '../answer.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { bookmarkFrame, type EventFormat, errorFrame, eventFormat } from '../event-format.ts';
import type { KindCache, KindEvent } from '../kind-cache.ts';
import { flagOf, forbiddenOption, numberOf, readParameters } from '../parameters.ts';
import { type ApiResponse, bytesResponse } from '../request.ts';
import { parseSelection, type Selection, selects } from '../selection.ts';
import { eventFor } from '../watch-hub.ts';

/** Without timeoutSeconds a watch lives 30 to 60 minutes, so that clients spread over restarted servers. */
const defaultTimeoutSeconds = 1800;

export async function watchObjects(call: Call): Promise<ApiResponse> {
  const { backend, served, query, request } = call;
  const { cache, clock } = backend;
  const selection = parseSelection(served.kind, call.path.namespace, query);
  const { revision, sendInitialEvents, bookmarks } = watchParameters(query);
  const timeoutSeconds =
    numberOf(query, 'timeoutSeconds') || defaultTimeoutSeconds * (1 + backend.random.next());
  if (revision === undefined) await cache.waitUntilCurrent();
  else if (revision > 0) await cache.waitFor(revision);

  // Nothing is awaited from here on, so that the stream begins exactly where the initial events end.
  const format = eventFormat(served, representationOf(call), clock);
  const kindCache = cache.kind(served.kind);
  const replay = revision === undefined || revision === 0 || sendInitialEvents === true;
  const events = replay ? [] : kindCache.eventsAfter(revision);
  if (!events) return streamAnswer([errorFrame(tooOld(revision!, kindCache))]);
  const initial = replay
    ? sendInitialEvents === false
      ? []
      : currentState(selection, format, kindCache)
    : pastEvents(selection, format, events);
  const end = sendInitialEvents && bookmarks ? [bookmarkFrame(served, cache.revision, true)] : [];
  const queue = backend.hubs
    .of(served)
    .open({ selection, format, bookmarks, initial: chained(initial, end) });
  const timer = clock.after(timeoutSeconds * 1000, () => queue.end());
  if (request.signal.aborted) queue.end();
  else request.signal.addEventListener('abort', () => queue.end(), { once: true });
  queue.onEnd(() => timer.cancel());
  return streamAnswer(queue);
}

function watchParameters(query: URLSearchParams): {
  revision: Revision | undefined;
  sendInitialEvents: boolean | undefined;
  bookmarks: boolean;
} {
  const asked = query.get('sendInitialEvents');
  const match = query.get('resourceVersionMatch');
  if (asked !== null && match !== 'NotOlderThan')
    throw forbiddenOption(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  if (asked === null && match !== null)
    throw forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  const withoutMatch = new URLSearchParams(query);
  withoutMatch.delete('resourceVersionMatch');
  return {
    revision: readParameters(withoutMatch).revision,
    sendInitialEvents: asked === null ? undefined : flagOf(query, 'sendInitialEvents'),
    bookmarks: flagOf(query, 'allowWatchBookmarks'),
  };
}

function tooOld(revision: Revision, { oldestRevision }: KindCache): ApiError {
  return new ApiError('Expired', `too old resource version: ${revision} (${oldestRevision})`);
}

/** A snapshot of references, made into frames as fast as the client reads. */
function currentState(selection: Selection, format: EventFormat, cache: KindCache): Iterable<Buffer> {
  const objects: CachedObject[] = [];
  for (const object of cache.list({ namespace: selection.namespace })) {
    if (selects(selection, object)) objects.push(object);
  }
  return mapped(objects, (object) => format.frame('ADDED', object));
}

function pastEvents(
  selection: Selection,
  format: EventFormat,
  events: readonly KindEvent[],
): Iterable<Buffer> {
  return mapped(events, (event) => {
    const shown = eventFor(selection, event);
    return shown && format.frame(shown.type, shown.object);
  });
}

function* mapped<T>(items: readonly T[], frame: (item: T) => Buffer | undefined): Generator<Buffer> {
  for (const item of items) {
    const bytes = frame(item);
    if (bytes) yield bytes;
  }
}

function* chained(...parts: Iterable<Buffer>[]): Generator<Buffer> {
  for (const part of parts) yield* part;
}

function streamAnswer(body: Iterable<Buffer> | AsyncIterable<Buffer>): ApiResponse {
  return bytesResponse(200, Symbol.asyncIterator in body ? body : asynchronous(body));
}

async function* asynchronous(items: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* items;
}
