/**
 * Patches: merge (RFC 7386), JSON patch (RFC 6902), and for core kinds strategic merge. The result is an
 * object like any other: it is decoded, defaulted and validated afterwards.
 */
import jsonPatch, { type Operation } from 'fast-json-patch';
import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import { ApiError, type Cause } from '../meta/api-error.ts';
import { fieldPath } from '../meta/field-path.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { requireBoundedDepth } from './decode-body.ts';
import { invalidError } from './field-errors.ts';
import { isJsonObject, type JsonObject } from './json-schema.ts';
import { strategicMerge } from './strategic-merge.ts';

export const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** Kubernetes' limits: operations in a patch, and bytes that `copy` may add up to. */
const maxOperations = 10_000;
const maxCopiedBytes = 3 * 1024 * 1024;

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
      if (!isCore(kind)) throw unsupported(patchTypes.strategic, kind);
      return strategicMerge(object, requireObject(patch)) as AnyObject;
    default:
      throw unsupported(mediaType ?? '', kind);
  }
}

function unsupported(mediaType: string, kind: AnyKind): ApiError {
  const supported: string[] = [patchTypes.json, patchTypes.merge, patchTypes.apply];
  if (isCore(kind)) supported.push(patchTypes.strategic);
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the patch was in an unknown format (${mediaType || 'no Content-Type'}): ${apiVersionOf(kind)} ${kind.kind} takes ${supported.join(', ')}`,
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
  if (!Array.isArray(patch)) throw new ApiError('BadRequest', 'a JSON patch must be a list of operations');
  if (patch.length > maxOperations) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `a JSON patch may have at most ${maxOperations} operations, this one has ${patch.length}`,
    );
  }
  const draft = structuredClone(object);
  let copiedBytes = 0;
  for (const [index, operation] of patch.entries()) {
    checkOperation(operation, index);
    if (operation.op === 'copy') copiedBytes += copiedSize(draft, operation.from);
    if (copiedBytes > maxCopiedBytes)
      throw new ApiError(
        'RequestEntityTooLarge',
        `the copies of a JSON patch add up to over ${maxCopiedBytes} bytes`,
      );
    applyOperation(draft, operation, index, kind);
  }
  requireBoundedDepth(draft);
  return draft;
}

const operationNames = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

function checkOperation(operation: unknown, index: number): asserts operation is Operation {
  const problem = operationProblem(operation);
  if (problem) throw new ApiError('BadRequest', `operation ${index} of the JSON patch ${problem}`);
}

function operationProblem(operation: unknown): string | undefined {
  if (!isJsonObject(operation)) return 'is not an object';
  const { op, path, from } = operation;
  if (typeof op !== 'string' || !operationNames.includes(op))
    return `must have op ${operationNames.join(', ')}`;
  if (!isPointer(path) || path === '') return 'must have a path such as /spec/replicas';
  if ((op === 'move' || op === 'copy') && !isPointer(from))
    return 'must have from, a path such as /spec/replicas';
  if (op === 'move' && `${path}/`.startsWith(`${String(from)}/`) && path !== from)
    return 'moves a value into itself';
  if (['add', 'replace', 'test'].includes(op) && operation['value'] === undefined) return 'must have a value';
  return undefined;
}

const forbiddenSegments = ['__proto__', 'constructor', 'prototype'];

function isPointer(path: unknown): path is string {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')) || /~(?![01])/.test(path))
    return false;
  return !path.split('/').some((segment) => forbiddenSegments.includes(segment));
}

function copiedSize(draft: AnyObject, from: string): number {
  try {
    return JSON.stringify(jsonPatch.getValueByPointer(draft, from))?.length ?? 0;
  } catch {
    return 0;
  }
}

const failures: Record<string, string> = {
  TEST_OPERATION_FAILED: 'the value is not the one that was tested for',
  OPERATION_PATH_UNRESOLVABLE: 'there is no such path',
  OPERATION_FROM_UNRESOLVABLE: 'there is nothing to take at from',
  OPERATION_VALUE_OUT_OF_BOUNDS: 'the index is beyond the end of the list',
};

function applyOperation(draft: AnyObject, operation: Operation, index: number, kind: AnyKind): void {
  try {
    jsonPatch.applyOperation(draft, operation, true, true, true, index);
  } catch (error) {
    const name = error instanceof jsonPatch.JsonPatchError ? error.name : '';
    const problem = `operation ${index} of the JSON patch (${operation.op}) failed: ${failures[name] ?? 'it does not fit the object'}`;
    const cause: Cause = { field: fieldPath(operation.path), message: problem, reason: 'FieldValueInvalid' };
    throw invalidError(kind, draft.metadata?.name ?? '', [cause]);
  }
}

function isCore({ group }: AnyKind): boolean {
  return group === '';
}
