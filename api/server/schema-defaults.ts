/**
 * Brings an object into its stored form, in place: absent fields get their schema's defaults, `null`
 * becomes absent (Kubernetes' reading of it), quantities become canonical text.
 * Whatever has the wrong type is left as it is, for validation to name.
 */
import { canonicalForm } from '../meta/quantity.ts';
import {
  acceptsNull,
  isJsonObject,
  isPlainScalar,
  isQuantitySchema,
  type JsonObject,
  type JsonSchema,
} from './json-schema.ts';

/** Returns the value to store: `value` itself for objects and arrays. Idempotent. */
export function withDefaults(schema: JsonSchema, value: unknown): unknown {
  if (isQuantitySchema(schema)) return canonicalForm(value);
  if (Array.isArray(value)) fillItems(schema, value);
  else if (isJsonObject(value)) fillMembers(schema, value);
  return value;
}

function fillItems({ items, maxItems }: JsonSchema, array: unknown[]): void {
  // A list that is too long is refused as a whole: no work for its items.
  if (!items || isPlainScalar(items) || (typeof maxItems === 'number' && array.length > maxItems)) return;
  for (let index = 0; index < array.length; index++) array[index] = withDefaults(items, array[index]);
}

function fillMembers({ properties = {}, additionalProperties }: JsonSchema, object: JsonObject): void {
  for (const name of Object.keys(properties)) fillMember(object, name, properties[name]!);
  if (!isJsonObject(additionalProperties) || isPlainScalar(additionalProperties)) return;
  for (const name of Object.keys(object)) {
    if (!Object.hasOwn(properties, name)) object[name] = withDefaults(additionalProperties, object[name]);
  }
}

function fillMember(object: JsonObject, name: string, member: JsonSchema): void {
  if (object[name] === null && !acceptsNull(member)) delete object[name];
  if (object[name] === undefined) {
    if (member.default === undefined) return;
    object[name] = copyOf(member.default);
  }
  object[name] = withDefaults(member, object[name]);
}

/** A copy of a JSON value; for the small values of defaults many times faster than structuredClone. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copyOf(member)]));
}
