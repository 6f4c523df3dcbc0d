/**
 * How a schema divides a value into fields that can have different owners. Members of objects are fields of
 * their own unless the object is atomic; items of lists only where the schema names a key or calls the list a
 * set. Where there is no schema, objects are divided and lists are not.
 */
import { isJsonObject, type JsonSchema, memberSchema } from '../json-schema.ts';
import { sameJson } from '../object-bytes.ts';

/** `leaf`: one field, whatever is inside. */
export type Shape = 'leaf' | 'object' | 'keyed list' | 'set';

export function shapeOf(schema: JsonSchema, value: unknown): Shape {
  if (Array.isArray(value)) {
    const listType = schema['x-kubernetes-list-type'];
    if (listType === 'map') return 'keyed list';
    return listType === 'set' ? 'set' : 'leaf';
  }
  return isJsonObject(value) && schema['x-kubernetes-map-type'] !== 'atomic' ? 'object' : 'leaf';
}

/** A field inside another. */
export interface Child {
  schema: JsonSchema;
  value: unknown;
  /** An item of a list or of an open map: somebody brought it into being, and owns that beside its fields. */
  item: boolean;
}

/** The fields directly inside a value, by their element in a FieldSet; undefined for a leaf. */
export function childrenOf(schema: JsonSchema, value: unknown): Map<string, Child> | undefined {
  const known = branchFor(schema, value);
  switch (shapeOf(known, value)) {
    case 'leaf':
      return undefined;
    case 'object':
      return membersOf(known, value as Record<string, unknown>);
    default:
      return itemsOf(known, value as unknown[]);
  }
}

function membersOf(schema: JsonSchema, object: Record<string, unknown>): Map<string, Child> {
  const children = new Map<string, Child>();
  const { properties = {} } = schema;
  for (const name of Object.keys(object)) {
    if (object[name] === undefined) continue;
    children.set(`f:${name}`, {
      schema: memberSchema(schema, name) ?? {},
      value: object[name],
      item: !Object.hasOwn(properties, name),
    });
  }
  return children;
}

/** Items that share a key come as one leaf: the list itself. */
function itemsOf(schema: JsonSchema, list: readonly unknown[]): Map<string, Child> {
  const children = new Map<string, Child>();
  const elementOf = elementNamer(schema);
  for (const item of list) {
    const element = elementOf(item);
    const before = children.get(element);
    if (before && sameJson(before.value, item)) continue;
    const value = before ? [before.value, item].flat() : item;
    children.set(element, { schema: before ? {} : (schema.items ?? {}), value, item: true });
  }
  return children;
}

/** Names the element of an item in a keyed list or a set. An absent key counts as its default. */
export function elementNamer(schema: JsonSchema): (item: unknown) => string {
  if (schema['x-kubernetes-list-type'] === 'set') return (item) => `v:${JSON.stringify(item)}`;
  const keys = mapKeysOf(schema);
  const defaults = keys.map((key) => schema.items?.properties?.[key]?.default ?? null);
  return (item) => {
    const members = isJsonObject(item) ? item : {};
    const pairs = keys.map((key, at) => [key, members[key] ?? defaults[at]]);
    return `k:${JSON.stringify(Object.fromEntries(pairs))}`;
  };
}

/** Sorted, as FieldsV1 has them. */
export function mapKeysOf(schema: JsonSchema): string[] {
  const keys = schema['x-kubernetes-list-map-keys'];
  return Array.isArray(keys) ? keys.map(String).sort() : [];
}

/** Of a schema with alternatives, the one that says what is inside. */
export function branchFor(schema: JsonSchema, value: unknown): JsonSchema {
  if (!schema.anyOf || typeof value !== 'object') return schema;
  const wanted = Array.isArray(value) ? 'array' : 'object';
  return schema.anyOf.find(({ type }) => type === wanted) ?? schema;
}
