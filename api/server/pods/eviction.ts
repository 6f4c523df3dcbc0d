/**
 * POST {name}/eviction: a deletion that asks first. Who drains a node sends these and tries again on 429.
 * Nothing limits disruptions yet, so every eviction that a deletion would do is granted.
 */
import { ApiError } from '../../meta/api-error.ts';
import type { Call } from '../call.ts';
import { isJsonObject } from '../json-schema.ts';
import { deleteParameters } from '../parameters.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { jsonBody } from '../verbs/body.ts';
import { deleteOne } from '../verbs/delete.ts';
import { keyOfCall } from '../verbs/target.ts';

/** Throws ApiError BadRequest, NotFound or Conflict. */
export async function evict(call: Call): Promise<ApiResponse> {
  const body = jsonBody(call);
  if (!isJsonObject(body) || !isJsonObject(body['metadata'] ?? {}))
    throw new ApiError('BadRequest', 'the body of the request must be an Eviction of policy/v1');
  const { name = call.path.name } = (body['metadata'] ?? {}) as { name?: unknown };
  if (name !== call.path.name)
    throw new ApiError('BadRequest', 'the name of the eviction does not match the name on the URL');
  const options = Buffer.from(JSON.stringify(body['deleteOptions'] ?? {}));
  await deleteOne(call, keyOfCall(call), deleteParameters(call.query, options));
  return jsonResponse(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}
