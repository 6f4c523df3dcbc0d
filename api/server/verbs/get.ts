/** GET of one object: from the watch cache, at a revision that is fresh enough for what was asked. */
import { ApiError } from '../../meta/api-error.ts';
import { objectAnswer } from '../answer.ts';
import { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { storeKey } from '../keys.ts';
import { isReferencedFrom } from '../node-references.ts';
import { nodeRefusal } from '../node-restriction.ts';
import { notFound } from '../object-lifecycle.ts';
import { readParameters } from '../parameters.ts';
import type { ApiResponse } from '../request.ts';
import { nodeNameOf } from '../user.ts';
import { tooLargeVersion } from '../watch-cache.ts';
import { forbiddenToNode, keyOfCall } from './target.ts';

export async function getObject(call: Call): Promise<ApiResponse> {
  return objectAnswer(call, await readObject(call));
}

/** Throws ApiError NotFound, or Forbidden to a node that must not see it. */
export async function readObject(call: Call): Promise<CachedObject> {
  const { served, path, user } = call;
  const object = (await find(call))?.inVersion(served.kind);
  const { kind } = served;
  // To whoever may not read it, what is there and what is not look the same.
  const mayTell = kind.group !== '' || !['configmaps', 'secrets'].includes(kind.plural);
  if (!object && mayTell) throw notFound(kind, path.name ?? '');
  if (nodeNameOf(user) !== undefined) {
    const { namespace, name = '' } = path;
    const refusal = nodeRefusal(user, kind, {
      verb: 'get',
      ...(object ? { old: object.parse() } : {}),
      isReferenced: (node) => isReferencedFrom(call.backend, node, { plural: kind.plural, namespace, name }),
    });
    if (refusal) throw forbiddenToNode(call, refusal);
  }
  if (!object) throw notFound(kind, path.name ?? '');
  return object;
}

async function find(call: Call): Promise<CachedObject | undefined> {
  const { cache, store } = call.backend;
  const { kind } = call.served;
  const { revision, match } = readParameters(call.query);
  const key = keyOfCall(call);
  if (match === 'Exact') {
    const { kv } = await store.get(storeKey(kind, key), { revision: revision! }).catch(asReadError);
    return kv && CachedObject.fromStore(key, kv);
  }
  if (revision === undefined) await cache.waitUntilCurrent();
  else if (revision > 0) await cache.waitFor(revision);
  return cache.kind(kind).get(key);
}

/** A revision in the future is asked for again later, as everywhere in the API. */
export function asReadError(error: unknown): never {
  if (error instanceof ApiError && error.reason === 'BadRequest')
    throw tooLargeVersion(`Too large resource version: ${error.message}`);
  throw error;
}
