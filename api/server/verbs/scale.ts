/** The scale subresource: how many replicas, of any kind that has them, as autoscaling/v1 Scale. */
import { ApiError } from '../../meta/api-error.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { decodeJson } from '../decode-body.ts';
import { invalidError } from '../field-errors.ts';
import { isJsonObject } from '../json-schema.ts';
import { checkPreconditions } from '../object-lifecycle.ts';
import { applyPatch } from '../patch.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { readObject } from './get.ts';
import { changeObject } from './update.ts';

export async function getScale(call: Call): Promise<ApiResponse> {
  return scaleAnswer(call, await readObject(call));
}

export async function updateScale(call: Call): Promise<ApiResponse> {
  // kubectl sends this body without a Content-Type.
  const body = decodeJson(call.request.body);
  return changeScale(call, () => body);
}

export async function patchScale(call: Call): Promise<ApiResponse> {
  const { request, served } = call;
  const patch = decodeJson(request.body);
  return changeScale(call, (scale) =>
    applyPatch(request.headers['content-type'] ?? '', patch, scale, served.kind),
  );
}

async function changeScale(call: Call, propose: (scale: AnyObject) => unknown): Promise<ApiResponse> {
  const { kind } = call.served;
  const { object } = await changeObject(call, (stored) => {
    const proposed = propose(scaleOf(call, stored));
    const { replicas, preconditions } = readScale(call, proposed);
    checkPreconditions(kind, stored, preconditions);
    return kind.scale!.withReplicas(stored, replicas);
  });
  return scaleAnswer(call, object);
}

export function scaleAnswer(call: Call, object: CachedObject): ApiResponse {
  return jsonResponse(200, scaleOf(call, object.parse()));
}

function scaleOf({ served: { kind } }: Call, object: AnyObject): AnyObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const scale = kind.scale!;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: JSON.parse(JSON.stringify({ name, namespace, uid, resourceVersion, creationTimestamp })),
    spec: { replicas: scale.specReplicas(object) },
    status: { replicas: scale.statusReplicas(object), selector: scale.selector(object) },
  };
}

export function readScale(
  { served: { kind }, path }: Call,
  scale: unknown,
): { replicas: number; preconditions: { uid?: string; resourceVersion?: string } } {
  if (!isJsonObject(scale) || !isJsonObject(scale['spec'] ?? {}) || !isJsonObject(scale['metadata'] ?? {}))
    throw new ApiError('BadRequest', 'the body of the request must be a Scale of autoscaling/v1');
  const replicas = (scale['spec'] as Record<string, unknown> | undefined)?.['replicas'] ?? 0;
  if (!Number.isSafeInteger(replicas) || (replicas as number) < 0) {
    const message = `Invalid value: ${JSON.stringify(replicas)}: must be a whole number, 0 or more`;
    throw invalidError(kind, path.name ?? '', [
      { field: 'spec.replicas', message, reason: 'FieldValueInvalid' },
    ]);
  }
  return { replicas: replicas as number, preconditions: (scale['metadata'] ?? {}) as { uid?: string } };
}
