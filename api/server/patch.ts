/**
 * Patches: merge (RFC 7386), JSON patch (RFC 6902), and, for all but custom kinds, Kubernetes' strategic
 * merge. The result is an object like any other: it is decoded, defaulted and validated afterwards.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import { ApiError, type Cause } from '../meta/api-error.ts';
import { fieldPath } from '../meta/field-path.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { requireBoundedDepth } from './decode-body.ts';
import { invalidError } from './field-errors.ts';
import { applyOperations, OperationFailure, requireOperations } from './json-patch.ts';
import { isJsonObject, type JsonObject } from './json-schema.ts';
import { mergeKeysOf, takesStrategicPatch } from './merge-keys.ts';
import { strategicPatch } from './strategic-patch.ts';

export const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/**
 * Returns a new object; `object` is not changed. Throws ApiError UnsupportedMediaType, BadRequest (not a
 * patch) or Invalid (a JSON patch that cannot be applied to this object).
 */
export function applyPatch(contentType: string, patch: unknown, object: AnyObject, kind: AnyKind): AnyObject {
  const mediaType = contentType.split(';', 1)[0]?.trim().toLowerCase();
  switch (mediaType) {
    case patchTypes.merge:
      return mergePatch(object, requireObject(patch)) as AnyObject;
    case patchTypes.json:
      return applyJsonPatch(patch, object, kind);
    case patchTypes.strategic:
      return applyStrategicPatch(requireObject(patch), object, kind);
    default:
      throw unsupported(mediaType ?? '', kind);
  }
}

function unsupported(mediaType: string, kind: AnyKind): ApiError {
  const supported: string[] = [patchTypes.json, patchTypes.merge, patchTypes.apply];
  if (takesStrategicPatch(kind)) supported.push(patchTypes.strategic);
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the patch was in an unknown format (${mediaType.slice(0, 200) || 'no Content-Type'}): ${apiVersionOf(kind)} ${kind.kind} takes ${supported.join(', ')}`,
  );
}

function requireObject(patch: unknown): JsonObject {
  if (!isJsonObject(patch)) throw new ApiError('BadRequest', 'a merge patch must be a JSON object');
  return patch;
}

/** RFC 7386: null deletes, objects merge, everything else replaces. Shares no structure it changes with `target`. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

function applyJsonPatch(patch: unknown, object: AnyObject, kind: AnyKind): AnyObject {
  const operations = requireOperations(patch);
  const draft = structuredClone(object);
  try {
    applyOperations(draft, operations);
  } catch (error) {
    if (error instanceof OperationFailure) throw failureOf(error, object, kind);
    throw error;
  }
  requireBoundedDepth(draft);
  return draft;
}

function failureOf(
  { message, index, operation: { op, path } }: OperationFailure,
  { metadata }: AnyObject,
  kind: AnyKind,
): ApiError {
  const problem = `operation ${index} of the JSON patch (${op}) failed: ${message}`;
  const cause: Cause = { field: fieldPath(path), message: problem, reason: 'FieldValueInvalid' };
  return invalidError(kind, metadata.name, [cause]);
}

function applyStrategicPatch(patch: JsonObject, object: AnyObject, kind: AnyKind): AnyObject {
  if (!takesStrategicPatch(kind)) throw unsupported(patchTypes.strategic, kind);
  return strategicPatch(object as unknown as JsonObject, patch, mergeKeysOf(kind)) as unknown as AnyObject;
}
