/**
 * Everything an object must satisfy before it is stored: its shape, its metadata, its schema, the rules of
 * its kind. The order matters: rules of a kind may trust that the schema holds.
 */

import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import { ApiError, type Cause } from '../meta/api-error.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { completeCause, invalidError, maxCauses } from './field-errors.ts';
import { isJsonObject } from './json-schema.ts';
import type { ServedKind } from './kind-table.ts';
import { validateMetadata } from './metadata-validation.ts';
import type { UnknownField } from './unknown-fields.ts';

export { validateMetadata };

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/**
 * A decoded body as an object of the kind: apiVersion and kind must be the kind's (absent ones are filled
 * in), metadata must be an object. Throws ApiError BadRequest.
 */
export function objectOf({ kind }: Pick<ServedKind, 'kind'>, body: unknown): AnyObject {
  if (!isJsonObject(body)) throw new ApiError('BadRequest', 'the body of the request must be a JSON object');
  const apiVersion = apiVersionOf(kind);
  body['apiVersion'] ??= apiVersion;
  body['kind'] ??= kind.kind;
  body['metadata'] ??= {};
  if (body['apiVersion'] !== apiVersion || body['kind'] !== kind.kind) {
    throw new ApiError(
      'BadRequest',
      `the object is a ${shortText(body['apiVersion'])} ${shortText(body['kind'])}, but this path takes ${apiVersion} ${kind.kind}`,
    );
  }
  if (!isJsonObject(body['metadata'])) throw new ApiError('BadRequest', 'metadata must be an object');
  return body as unknown as AnyObject;
}

/**
 * Strict: throws BadRequest naming the unknown fields. Warn: drops them and returns warnings.
 * Ignore: drops them.
 */
export function checkFields(served: ServedKind, object: AnyObject, level: FieldValidation): string[] {
  if (level === 'Ignore') {
    served.schema.prune(object);
    return [];
  }
  const unknown = served.schema.unknownFields(object);
  const warnings = unknown.map(unknownFieldText);
  if (warnings.length === 0) return [];
  if (level === 'Strict') throw strictDecodingError(served.kind, unknown);
  served.schema.prune(object);
  return warnings;
}

function unknownFieldText({ path, suggestion }: UnknownField): string {
  return `unknown field ${JSON.stringify(path)}${suggestion === undefined ? '' : ` (did you mean ${JSON.stringify(suggestion)}?)`}`;
}

/** One cause per field: tools can point at the place in the user's file. */
function strictDecodingError({ kind, version }: AnyKind, unknown: readonly UnknownField[]): ApiError {
  return new ApiError(
    'BadRequest',
    `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: strict decoding error: ${unknown.map(unknownFieldText).join(', ')}`,
    { causes: unknown.map((field) => ({ field: field.path, message: unknownFieldText(field) })) },
  );
}

/**
 * Fills in all defaults (in place), then checks all rules. `old` is what the object replaces.
 * Throws ApiError Invalid with one cause per broken field.
 */
export function validateObject(served: ServedKind, object: AnyObject, old?: AnyObject): void {
  const { kind, schema } = served;
  schema.applyDefaults(object);
  const broken = schema.validate(object);
  if (broken.length > 0) throw invalid(kind, object, broken);
  kind.strategy.applyDefaults?.(object);
  const causes = [...validateMetadata(kind, object, old), ...(kind.strategy.validate?.(object, old) ?? [])];
  if (causes.length > 0) throw invalid(kind, object, causes);
}

/** For writes through the status subresource: the schema, and the legal transitions of the kind. */
export function validateStatus(served: ServedKind, object: AnyObject, old: AnyObject): void {
  const { kind, schema } = served;
  schema.applyDefaults(object);
  const broken = schema.validate(object);
  const causes = broken.length > 0 ? broken : (kind.strategy.validateStatus?.(object, old) ?? []);
  if (causes.length > 0) throw invalid(kind, object, causes);
}

function invalid(kind: AnyKind, object: AnyObject, causes: readonly Cause[]): ApiError {
  const { name, generateName } = object.metadata;
  const complete = causes.slice(0, maxCauses).map((cause) => completeCause(cause, object));
  return invalidError(kind, shortText(name ?? generateName ?? ''), complete);
}

function shortText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 253) : JSON.stringify(value)?.slice(0, 100);
}
