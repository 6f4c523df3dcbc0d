/**
 * Lists. The first page comes from the watch cache at a revision that is fresh enough; later pages, and
 * lists at an exact revision, come from the store at the revision of the first, so that all pages
 * together are one snapshot.
 */
import type { AnyKind } from '../../kinds/define-kind.ts';
import { ApiError, hasReason } from '../../meta/api-error.ts';
import type { ListMeta } from '../../meta/object-meta.ts';
import type { Revision } from '../../store/store.ts';
import { listAnswer } from '../answer.ts';
import { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { kindPrefix } from '../keys.ts';
import { forbiddenOption, numberOf, readParameters } from '../parameters.ts';
import type { ApiResponse } from '../request.ts';
import { parseSelection, type Selection, selects, selectsAll } from '../selection.ts';
import { ExpiredPage } from '../status-answer.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';
import { asReadError } from './get.ts';

interface Page {
  objects: CachedObject[];
  revision: Revision;
  /** True when matching objects may follow. */
  more: boolean;
  /** How many objects follow, when that is known. */
  remaining: number | undefined;
}

interface PageRequest {
  selection: Selection;
  limit: number;
  after: string;
}

export async function listObjects(call: Call): Promise<ApiResponse> {
  const { objects, ...page } = await readPage(call);
  return listAnswer(call, await shownAs(call.served.kind, objects), listMetaOf(objects, page));
}

const viewsAtOnce = 100;

/** Views are made object by object, which takes its time: others get their turn in between. */
async function shownAs(kind: AnyKind, objects: readonly CachedObject[]): Promise<CachedObject[]> {
  const shown: CachedObject[] = [];
  for (const object of objects) {
    shown.push(object.inVersion(kind));
    if (kind.view && shown.length % viewsAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return shown;
}

function listMetaOf(
  objects: readonly CachedObject[],
  { revision, more, remaining }: Omit<Page, 'objects'>,
): ListMeta {
  const last = objects.at(-1);
  return {
    resourceVersion: String(revision),
    ...(more && last ? { continue: encodeContinue({ revision, after: last.key }) } : {}),
    ...(more && remaining !== undefined ? { remainingItemCount: remaining } : {}),
  };
}

async function readPage(call: Call): Promise<Page> {
  const { cache } = call.backend;
  const { query } = call;
  const selection = parseSelection(call.served.kind, call.path.namespace, query);
  const limit = numberOf(query, 'limit') || Number.POSITIVE_INFINITY;
  if (query.has('sendInitialEvents'))
    throw forbiddenOption('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  const { revision, match } = readParameters(query);
  const token = query.get('continue') || undefined;
  if (token !== undefined) {
    if (revision !== undefined && revision !== 0)
      throw new ApiError('BadRequest', 'specifying resource version is not allowed when using continue');
    const from = decodeContinue(token);
    if (from.revision > 0) return storePage(call, { selection, limit, after: from.after }, from.revision);
    await cache.waitUntilCurrent();
    return cachePage(call, { selection, limit, after: from.after });
  }
  // A page of a version is a page of exactly that version, unless the client says otherwise.
  const isExact = match === 'Exact' || (match === undefined && limit !== Number.POSITIVE_INFINITY);
  if (isExact && revision) return storePage(call, { selection, limit, after: '' }, revision);
  if (revision === undefined) await cache.waitUntilCurrent();
  else if (revision > 0) await cache.waitFor(revision);
  return cachePage(call, { selection, limit, after: '' });
}

function cachePage(call: Call, { selection, limit, after }: PageRequest): Page {
  const { cache } = call.backend;
  const objects: CachedObject[] = [];
  const all = selectsAll(selection);
  let remaining = 0;
  for (const object of cache.kind(call.served.kind).list({ namespace: selection.namespace, after })) {
    if (objects.length >= limit) {
      remaining++;
      if (!all) break;
    } else if (all || selects(selection, object)) objects.push(object);
  }
  return { objects, revision: cache.revision, more: remaining > 0, remaining: all ? remaining : undefined };
}

const storePageKeys = 500;

async function storePage(call: Call, request: PageRequest, revision: Revision): Promise<Page> {
  const { selection, limit } = request;
  const kindKeys = kindPrefix(call.served.kind);
  const prefix = selection.namespace === undefined ? kindKeys : `${kindKeys}${selection.namespace}/`;
  const objects: CachedObject[] = [];
  let after = request.after === '' ? '' : kindKeys + request.after;
  for (;;) {
    const wanted = Math.min(limit - objects.length, storePageKeys);
    const page = await call.backend.store
      .list(prefix, { revision, limit: wanted, ...(after === '' ? {} : { after }) })
      .catch((error: unknown) => asReadError(withFreshToken(error, request.after)));
    for (const kv of page.items) {
      const object = CachedObject.fromStore(kv.key.slice(kindKeys.length), kv);
      if (selects(selection, object)) objects.push(object);
    }
    after = page.items.at(-1)?.key ?? '';
    if (page.more && objects.length < limit) continue;
    const remaining = selectsAll(selection) ? page.count - page.items.length : undefined;
    return { objects, revision, more: page.more, remaining };
  }
}

/** The snapshot is gone: the client may begin again, or go on in the current state with the token given here. */
function withFreshToken(error: unknown, after: string): unknown {
  if (!hasReason(error, 'Expired') || after === '') return error;
  const token = encodeContinue({ revision: 0, after });
  return new ExpiredPage(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.',
    token,
  );
}
