/**
 * What one JSON value says beyond another, as a patch, and the way back. Like a merge patch (RFC 7386), but
 * lists whose items have names are told apart item by item.
 */
import { isDeepStrictEqual } from 'node:util';

type Json = Record<string, unknown>;

/** Undefined when both say the same. `withDifference(base, differenceOf(base, wanted))` is `wanted`. */
export function differenceOf(base: unknown, wanted: unknown): unknown {
  if (isObject(base) && isObject(wanted)) return objectDifference(base, wanted);
  if (Array.isArray(base) && Array.isArray(wanted)) {
    const names = namesOf(base);
    if (names && sameNames(names, namesOf(wanted))) return objectDifference(byName(base), byName(wanted));
  }
  return isDeepStrictEqual(base, wanted) ? undefined : wanted;
}

function objectDifference(base: Json, wanted: Json): Json | undefined {
  const patch: Json = {};
  for (const [field, value] of Object.entries(wanted)) {
    const difference = differenceOf(base[field], value);
    if (difference !== undefined) patch[field] = difference;
  }
  for (const field of Object.keys(base)) if (wanted[field] === undefined) patch[field] = null;
  return Object.keys(patch).length > 0 ? patch : undefined;
}

export function withDifference(base: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch ?? base;
  if (Array.isArray(base)) {
    return base.map((item) => {
      const change = isObject(item) ? patch[String(item['name'])] : undefined;
      return change === undefined ? item : withDifference(item, change);
    });
  }
  if (!isObject(base)) return patch;
  const result: Json = { ...base };
  for (const [field, change] of Object.entries(patch)) {
    if (change === null) delete result[field];
    else result[field] = withDifference(base[field], change);
  }
  return result;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of a list whose items all have names of their own. */
function namesOf(list: readonly unknown[]): string[] | undefined {
  const names = list.flatMap((item) =>
    isObject(item) && typeof item['name'] === 'string' ? [item['name']] : [],
  );
  return names.length === list.length && new Set(names).size === names.length ? names : undefined;
}

function sameNames(left: readonly string[], right: readonly string[] | undefined): boolean {
  return left.length === right?.length && left.every((name, index) => name === right[index]);
}

function byName(list: readonly unknown[]): Json {
  return Object.fromEntries(list.map((item) => [String((item as Json)['name']), item]));
}
