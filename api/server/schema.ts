/**
 * A kind's schema, ready for use: defaults, validation, unknown fields. Validation is ajv's, strict about
 * types (nothing is coerced, nothing removed), and compiled when the first object of the kind comes:
 * compiling all kinds would cost a starting server a quarter of a second.
 */
import { RE2JS } from '@bufbuild/re2';
import { Ajv, type ValidateFunction } from 'ajv';
import { formats, isKnownFormat } from '../kinds/formats.ts';
import type { Cause } from '../meta/api-error.ts';
import type { AnyObject } from '../meta/object-meta.ts';
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

/** Patterns come from users too: RE2 takes time linear in the text. Its `code` is for compiled files only. */
const linearRegExp = Object.assign((pattern: string) => new RE2JS(pattern), { code: 'new RE2JS' });

function newAjv(allErrors: boolean): Ajv {
  return new Ajv({
    allErrors,
    verbose: true,
    strict: false,
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
    formats,
    // ajv's optimiser doubles the time to compile and saves microseconds per object.
    code: { optimize: false, regExp: linearRegExp },
  });
}

/** Unknown fields are looked for elsewhere; quantities are text once defaults are applied. */
function forValidation(node: JsonSchema): JsonSchema {
  if (isQuantitySchema(node)) return { type: 'string', format: 'quantity' };
  const { default: _default, description: _description, nullable, type, ...rest } = node;
  if (type !== undefined) rest['type'] = nullable === true ? [type, 'null'].flat() : type;
  if (!isKnownFormat(rest.format)) delete rest.format;
  if (rest.additionalProperties === false) delete rest.additionalProperties;
  return rest;
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
