/**
 * A kind's schema, ready for use: defaults, validation, unknown fields. Validation is ajv's, strict about
 * types (nothing is coerced, nothing removed), and compiled when the first object of the kind comes:
 * compiling all kinds would cost a starting server a quarter of a second.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import type { Cause } from '../meta/api-error.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { isQuantity } from '../meta/quantity.ts';
import { causesOf } from './field-errors.ts';
import { isQuantitySchema, type JsonSchema, mapSchema } from './json-schema.ts';
import { withDefaults } from './schema-defaults.ts';
import { pruneUnknownFields, type UnknownField, unknownFields } from './unknown-fields.ts';

export type { UnknownField };

export interface CompiledSchema {
  /** The schema itself, for OpenAPI. */
  readonly json: JsonSchema;
  /** Fills defaults in place, makes quantities canonical. Idempotent; leaves wrong types as they are. */
  applyDefaults(draft: AnyObject): void;
  /** Wrong types, enums, ranges, required fields. Expects defaults to be applied; does not look at unknown fields. */
  validate(object: AnyObject): Cause[];
  /** At most 20, in the order of the object. */
  unknownFields(object: AnyObject): UnknownField[];
  /** Drops unknown fields in place. */
  prune(object: AnyObject): void;
}

/** `schema` is JSON Schema; TypeBox's own marks on it are not enumerable and stay behind. */
export function compileSchema(schema: object): CompiledSchema {
  const json = schema as JsonSchema;
  const firstError = lazyValidator(json, false);
  const allErrors = lazyValidator(json, true);
  return {
    json,
    applyDefaults: (draft) => void withDefaults(json, draft),
    validate(object) {
      const quick = firstError();
      if (quick(object)) return [];
      // Collecting every error of a huge hostile object would block the process.
      if (hasMoreNodesThan(object, maxNodesForAllErrors)) return causesOf(quick.errors ?? []);
      const thorough = allErrors();
      thorough(object);
      return causesOf(thorough.errors ?? []);
    },
    unknownFields: (object) => unknownFields(json, object),
    prune: (object) => pruneUnknownFields(json, object),
  };
}

const maxNodesForAllErrors = 20_000;

function lazyValidator(schema: JsonSchema, allErrors: boolean): () => ValidateFunction {
  let validator: ValidateFunction | undefined;
  return () => {
    validator ??= newAjv(allErrors).compile(mapSchema(schema, forValidation));
    return validator;
  };
}

function newAjv(allErrors: boolean): Ajv {
  return new Ajv({
    allErrors,
    verbose: true,
    strict: false,
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
    // ajv's optimiser doubles the time to compile and saves microseconds per object.
    code: { optimize: false },
    formats: { quantity: isQuantity, 'date-time': isTime },
  });
}

/** Unknown fields are looked for elsewhere; quantities are text once defaults are applied. */
function forValidation(node: JsonSchema): JsonSchema {
  const { default: _default, description: _description, additionalProperties, ...rest } = node;
  if (isQuantitySchema(node)) return { type: 'string', format: 'quantity' };
  return additionalProperties === false || additionalProperties === undefined
    ? rest
    : { ...rest, additionalProperties };
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function isTime(text: string): boolean {
  return rfc3339.test(text) && !Number.isNaN(Date.parse(text));
}

function hasMoreNodesThan(root: unknown, limit: number): boolean {
  const pending: unknown[] = [root];
  for (let seen = 0; pending.length > 0; seen++) {
    if (seen + pending.length > limit) return true;
    const value = pending.pop();
    if (typeof value === 'object' && value !== null)
      for (const member of Object.values(value)) pending.push(member);
  }
  return false;
}
