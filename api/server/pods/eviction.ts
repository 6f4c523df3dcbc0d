/**
 * POST {name}/eviction: a deletion that asks first. Who drains a node sends these and tries again on 429.
 * Granted while the disruption budgets over the task allow it.
 */
import { ApiError } from '../../meta/api-error.ts';
import type { Call } from '../call.ts';
import { isJsonObject } from '../json-schema.ts';
import { deleteParameters } from '../parameters.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { jsonBody } from '../verbs/body.ts';
import { deleteOne } from '../verbs/delete.ts';
import { keyOfCall } from '../verbs/target.ts';

/** Throws ApiError BadRequest, NotFound, Conflict, or TooManyRequests where a budget cannot spare the task. */
export async function evict(call: Call): Promise<ApiResponse> {
  const body = jsonBody(call);
  if (!isJsonObject(body) || !isJsonObject(body['metadata'] ?? {}))
    throw new ApiError('BadRequest', 'the body of the request must be an Eviction of policy/v1');
  const { name = call.path.name } = (body['metadata'] ?? {}) as { name?: unknown };
  if (name !== call.path.name)
    throw new ApiError('BadRequest', 'the name of the eviction does not match the name on the URL');
  const key = keyOfCall(call);
  const parameters = deleteParameters(call.query, body['deleteOptions']);
  const { cache, disruptions } = call.backend;
  // A budget that was set before this request is one of those asked.
  await cache.waitUntilCurrent();
  await disruptions.keep([{ key, overrides: false }], (guard) =>
    deleteOne(call, key, { ...parameters, guard }),
  );
  return jsonResponse(201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}
