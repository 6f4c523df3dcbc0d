/**
 * The configuration somebody applies, as the merge wants it: quantities canonical, nulls gone, lists that are
 * merged by key free of items that cannot be told apart. Defaults are not filled in: they would be claimed.
 */
import { ApiError } from '../../meta/api-error.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import { canonicalForm } from '../../meta/quantity.ts';
import { isJsonObject, isQuantitySchema, type JsonSchema, memberSchema } from '../json-schema.ts';
import type { ServedKind } from '../kind-table.ts';
import { pathsOf } from './field-set.ts';
import { branchFor, elementNamer, mapKeysOf, shapeOf } from './schema-walk.ts';

/** Throws ApiError BadRequest for lists that cannot be merged. */
export function configurationOf(served: ServedKind, body: AnyObject): AnyObject {
  if (body.metadata.managedFields !== undefined && !isEmptyList(body.metadata.managedFields))
    throw new ApiError('BadRequest', 'metadata.managedFields must be nil');
  const { json } = served.schema;
  const configuration = normalized(json, body) as AnyObject;
  const problem = unmergeable(json, configuration, '');
  if (problem !== undefined) {
    throw new ApiError('BadRequest', `failed to create typed patch object (${titleOf(body)}): ${problem}`);
  }
  return configuration;
}

function titleOf({ apiVersion, kind, metadata }: AnyObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${apiVersion}, Kind=${kind}`;
}

function isEmptyList(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

/** A copy in the form in which the store keeps values, so that equal values are equal. */
function normalized(schema: JsonSchema, value: unknown): unknown {
  if (isQuantitySchema(schema)) return canonicalForm(value);
  const known = branchFor(schema, value);
  if (Array.isArray(value)) return value.map((item) => normalized(known.items ?? {}, item));
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(
    members.map(([name, member]) => [name, normalized(memberSchema(known, name) ?? {}, member)]),
  );
}

function unmergeable(schema: JsonSchema, value: unknown, path: string): string | undefined {
  const known = branchFor(schema, value);
  if (Array.isArray(value)) {
    const problem = shapeOf(known, value) === 'leaf' ? undefined : itemProblem(known, value);
    if (problem !== undefined) return `${path}: ${problem}`;
    return firstOf(value, (item, index) => unmergeable(known.items ?? {}, item, `${path}[${index}]`));
  }
  if (!isJsonObject(value)) return undefined;
  return firstOf(Object.entries(value), ([name, member]) =>
    unmergeable(memberSchema(known, name) ?? {}, member, `${path}.${name}`),
  );
}

function itemProblem(schema: JsonSchema, list: readonly unknown[]): string | undefined {
  const seen = new Set<string>();
  const elementOf = elementNamer(schema);
  return firstOf(list, (item, index) => {
    const missing = missingKey(schema, item);
    if (missing !== undefined)
      return `element ${index}: associative list with keys has an element that omits key field ${JSON.stringify(missing)} (and doesn't have default value)`;
    const element = elementOf(item);
    if (seen.has(element)) return `duplicate entries for key ${pathsOf({ [element]: {} })[0]}`;
    seen.add(element);
    return undefined;
  });
}

function missingKey(schema: JsonSchema, item: unknown): string | undefined {
  if (shapeOf(schema, []) !== 'keyed list') return undefined;
  const members = isJsonObject(item) ? item : {};
  return mapKeysOf(schema).find(
    (key) => members[key] === undefined && schema.items?.properties?.[key]?.default === undefined,
  );
}

function firstOf<T>(
  values: readonly T[],
  problemOf: (value: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, value] of values.entries()) {
    const problem = problemOf(value, index);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
