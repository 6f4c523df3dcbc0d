/**
 * Kubernetes' strategic merge patch: a merge patch that knows which lists are merged item by item, with the
 * directives `$patch`, `$retainKeys`, `$setElementOrder/<list>` and `$deleteFromPrimitiveList/<list>`.
 * Source: sig-api-machinery's strategic-merge-patch.md and apimachinery's strategicpatch. Pure: nothing given is changed.
 */
import { ApiError } from '../meta/api-error.ts';
import { isJsonObject, type JsonObject } from './json-schema.ts';
import type { MergeKeys } from './merge-keys.ts';

const directive = '$patch';
const retainKeys = '$retainKeys';
const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/** Throws ApiError BadRequest for a patch that means nothing. */
export function strategicPatch(object: JsonObject, patch: JsonObject, keys: MergeKeys): JsonObject {
  return new Merge(keys).object(object, patch, '');
}

class Merge {
  readonly #keys: MergeKeys;

  constructor(keys: MergeKeys) {
    this.#keys = keys;
  }

  object(target: JsonObject, patch: JsonObject, path: string): JsonObject {
    const wanted = patch[directive];
    if (wanted === 'delete') return {};
    if (wanted !== undefined && wanted !== 'replace')
      throw badPatch(`unknown directive ${directive}: ${show(wanted)}`);
    const result = wanted === 'replace' ? {} : retained(target, patch);
    for (const [name, value] of Object.entries(patch)) {
      if (name.startsWith('$')) requireDirective(name, value);
      else if (value === null) delete result[name];
      else result[name] = this.#value(result[name], value, joined(path, name));
    }
    this.#deleteFromLists(result, patch, path);
    this.#orderLists(result, target, { patch, path });
    return result;
  }

  #value(target: unknown, patch: unknown, path: string): unknown {
    if (isJsonObject(patch)) return this.object(isJsonObject(target) ? target : {}, patch, path);
    if (!Array.isArray(patch)) return patch;
    const key = this.#keys[path];
    const live = Array.isArray(target) ? target : [];
    if (key === undefined) return patch.map((item) => this.#value(undefined, item, path));
    return key === '' ? [...new Set([...live, ...patch])] : this.#list(live, patch, { key, path });
  }

  /** Items of one key are one; the live ones stay where they are, new ones come to the end. */
  #list(live: unknown[], patch: unknown[], { key, path }: { key: string; path: string }): unknown[] {
    const items = new Map<string, unknown>();
    const replace = patch.some((item) => isJsonObject(item) && item[directive] === 'replace');
    if (!replace)
      for (const [index, item] of live.entries()) items.set(keyOf(item, key) ?? `#${index}`, item);
    for (const item of patch) {
      if (!isJsonObject(item)) throw badPatch(`${path} must have objects as items`);
      const { [directive]: wanted, ...fields } = item;
      if (wanted === 'replace') continue;
      const id = keyOf(item, key);
      if (id === undefined) throw badPatch(`an item of ${path} is without its merge key ${key}`);
      if (wanted === 'delete') items.delete(id);
      else if (wanted !== undefined)
        throw badPatch(`unknown directive ${directive}: ${show(wanted)} in ${path}`);
      else items.set(id, this.#value(items.get(id), fields, path));
    }
    return [...items.values()];
  }

  #deleteFromLists(result: JsonObject, patch: JsonObject, path: string): void {
    for (const [name, list, gone] of listsNamed(deletePrefix, patch)) {
      const live = result[list];
      if (this.#keys[joined(path, list)] !== '')
        throw badPatch(`${name}: ${list} is no list of plain values that is merged`);
      if (!Array.isArray(live)) continue;
      const removed = new Set(gone);
      result[list] = live.filter((item) => !removed.has(item));
    }
  }

  /** What the patch orders stands in its order; what it does not name keeps its place among the rest as well as it can. */
  #orderLists(
    result: JsonObject,
    target: JsonObject,
    { patch, path }: { patch: JsonObject; path: string },
  ): void {
    for (const [name, list, order] of listsNamed(orderPrefix, patch)) {
      const merged = result[list];
      const key = this.#keys[joined(path, list)];
      if (!Array.isArray(merged)) continue;
      // kubectl orders every list it takes for one that is merged; one that is replaced has its order already.
      if (key === undefined) continue;
      const idOf = (item: unknown): string | undefined =>
        key === '' ? JSON.stringify(item) : keyOf(item, key);
      const wanted = placesOf(order, idOf);
      if (wanted.has(undefined)) throw badPatch(`an item of ${name} is without its merge key ${key}`);
      requireOrder(name, patch[list], { wanted, idOf });
      const before = placesOf(Array.isArray(target[list]) ? target[list] : [], idOf);
      const [named, others] = [
        merged.filter((item) => wanted.has(idOf(item))),
        merged.filter((item) => !wanted.has(idOf(item))),
      ];
      named.sort((left, right) => wanted.get(idOf(left))! - wanted.get(idOf(right))!);
      result[list] = interleaved(others, named, (item) => before.get(idOf(item)));
    }
  }
}

/** Each item of `left` goes before the first item of `right` that came after it, if both were there. */
function interleaved(
  left: unknown[],
  right: unknown[],
  placeOf: (item: unknown) => number | undefined,
): unknown[] {
  const result: unknown[] = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    const [a, b] = [placeOf(left[i]), placeOf(right[j])];
    result.push(a !== undefined && b !== undefined && a < b ? left[i++] : right[j++]);
  }
  return [...result, ...left.slice(i), ...right.slice(j)];
}

type Places = Map<string | undefined, number>;

function placesOf(items: readonly unknown[], idOf: (item: unknown) => string | undefined): Places {
  return new Map(items.map((item, place) => [idOf(item), place]));
}

/** The items of a patch must be among those it orders, and in that order. */
function requireOrder(
  name: string,
  items: unknown,
  { wanted, idOf }: { wanted: Places; idOf: (item: unknown) => string | undefined },
): void {
  if (!Array.isArray(items)) return;
  let last = -1;
  for (const item of items) {
    if (isJsonObject(item) && item[directive] !== undefined) continue;
    const place = wanted.get(idOf(item)) ?? -1;
    if (place < last || place === -1) throw badPatch(`the order of the list does not match ${name}`);
    last = place;
  }
}

/** Members of the live object that a `$retainKeys` list does not name go. */
function retained(target: JsonObject, patch: JsonObject): JsonObject {
  const kept = patch[retainKeys];
  if (kept === undefined) return { ...target };
  if (!Array.isArray(kept)) throw badPatch(`${retainKeys} must be a list`);
  const names = new Set(kept);
  const stray = Object.entries(patch).find(
    ([name, value]) => !name.startsWith('$') && value !== null && !names.has(name),
  );
  if (stray) throw badPatch(`${retainKeys} does not name ${show(stray[0])}`);
  return Object.fromEntries(Object.entries(target).filter(([name]) => names.has(name)));
}

function* listsNamed(
  prefix: string,
  patch: JsonObject,
): Generator<[name: string, list: string, items: unknown[]]> {
  for (const [name, items] of Object.entries(patch))
    if (name.startsWith(prefix)) yield [name, name.slice(prefix.length), items as unknown[]];
}

function requireDirective(name: string, value: unknown): void {
  if (name === directive || name === retainKeys) return;
  if (!name.startsWith(orderPrefix) && !name.startsWith(deletePrefix))
    throw badPatch(`unknown directive ${show(name)}`);
  if (!Array.isArray(value)) throw badPatch(`${name} must be a list`);
}

/** Undefined for what has no such member. */
function keyOf(item: unknown, key: string): string | undefined {
  const value = isJsonObject(item) && Object.hasOwn(item, key) ? item[key] : undefined;
  return value === undefined || value === null ? undefined : JSON.stringify(value);
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function show(value: unknown): string {
  return JSON.stringify(value).slice(0, 200);
}

function badPatch(problem: string): ApiError {
  return new ApiError('BadRequest', `the strategic merge patch is not acceptable: ${problem}`);
}
