/** DELETE of one object or of a selection of them: at once, or marked until grace and finalizers are through. */

import { hasReason } from '../../meta/api-error.ts';
import { splitKey } from '../../meta/object-meta.ts';
import { admitDeletion } from '../admission.ts';
import { listAnswer, objectAnswer } from '../answer.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { mapConcurrently } from '../concurrency.ts';
import type { Guard } from '../disruption-guard.ts';
import { nodeRefusal } from '../node-restriction.ts';
import { checkPreconditions, isDoneDeleting, markDeleted } from '../object-lifecycle.ts';
import type { Change, Changed } from '../object-store.ts';
import { deleteParameters } from '../parameters.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { parseSelection, selects } from '../selection.ts';
import { deleteBody } from './body.ts';
import { forbiddenToNode, keyOfCall } from './target.ts';

type DeleteParameters = ReturnType<typeof deleteParameters> & { guard?: Guard };

export async function deleteObject(call: Call): Promise<ApiResponse> {
  const parameters = deleteParameters(call.query, deleteBody(call));
  const { type, object } = await deleteOne(call, keyOfCall(call), parameters);
  return type === 'removed' ? goneAnswer(call, object) : objectAnswer(call, object);
}

/** The objects as they were or are now; those that others removed meanwhile are left out. */
export async function deleteCollection(call: Call): Promise<ApiResponse> {
  const { backend, served, path, query } = call;
  const parameters = deleteParameters(query, deleteBody(call));
  const selection = parseSelection(served.kind, path.namespace, query);
  const revision = await backend.cache.waitUntilCurrent();
  const keys: string[] = [];
  for (const object of backend.cache.kind(served.kind).list({ namespace: path.namespace })) {
    if (selects(selection, object)) keys.push(object.key);
  }
  const deleted: CachedObject[] = [];
  await mapConcurrently(keys, 32, async (key) => {
    try {
      deleted.push((await deleteOne(call, key, parameters)).object);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  });
  return listAnswer(call, deleted, { resourceVersion: String(revision) });
}

/** Throws ApiError NotFound, Conflict or Forbidden. */
export function deleteOne(call: Call, key: string, parameters: DeleteParameters): Promise<Changed> {
  const { objects } = call.backend;
  return objects.change(
    call.served.kind,
    key,
    (current) => decideDelete(call, current, parameters),
    parameters,
  );
}

function decideDelete(call: Call, current: CachedObject, parameters: DeleteParameters): Change {
  const { kind } = call.served;
  const old = current.parse();
  checkPreconditions(kind, old, parameters.preconditions ?? {});
  const refusal = nodeRefusal(call.user, kind, { verb: call.verb, old });
  if (refusal) throw forbiddenToNode(call, refusal);
  admitDeletion(call, old);
  const next = markDeleted(kind, old, parameters, call.backend.clock.now());
  return isDoneDeleting(next) ? { type: 'remove' } : { type: 'put', object: next };
}

function goneAnswer({ served: { kind } }: Call, object: CachedObject): ApiResponse {
  return jsonResponse(200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: splitKey(object.key).name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      uid: object.parse().metadata.uid,
    },
    code: 200,
  });
}
