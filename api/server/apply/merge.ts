/**
 * An applied configuration merged into the live object, and what its manager no longer applies taken out of
 * it. Keyed lists and sets are merged item by item; everything else that is not an object is replaced.
 * Neither function changes its arguments.
 */
import { isJsonObject, type JsonSchema, memberSchema } from '../json-schema.ts';
import { type FieldSet, hasSelf, noFields } from './field-set.ts';
import { branchFor, type Child, childrenOf, elementNamer, shapeOf } from './schema-walk.ts';

export function merge(schema: JsonSchema, live: unknown, applied: unknown): unknown {
  const known = branchFor(schema, applied);
  const shape = shapeOf(known, applied);
  if (shape === 'leaf' || shapeOf(known, live) !== shape) return applied;
  if (shape === 'object')
    return mergeObjects(known, live as Record<string, unknown>, applied as Record<string, unknown>);
  return mergeLists(known, live as unknown[], applied as unknown[]);
}

function mergeObjects(
  schema: JsonSchema,
  live: Record<string, unknown>,
  applied: Record<string, unknown>,
): Record<string, unknown> {
  const result = { ...live };
  for (const [name, value] of Object.entries(applied))
    result[name] = merge(memberSchema(schema, name) ?? {}, live[name], value);
  return result;
}

/**
 * The applied order counts; items that only the live list has stay behind the item they stood behind. Doing it
 * again gives the same list.
 */
function mergeLists(schema: JsonSchema, live: readonly unknown[], applied: readonly unknown[]): unknown[] {
  const elementOf = elementNamer(schema);
  const liveElements = live.map(elementOf);
  const placeOf = new Map(liveElements.map((element, place) => [element, place]));
  const appliedElements = new Set(applied.map(elementOf));
  const result: unknown[] = [];
  let at = 0;
  const isShared = (place: number): boolean => appliedElements.has(liveElements[place]!);
  const keepLiveUntil = (end: number): void => {
    for (; at < end; at++) if (!isShared(at)) result.push(live[at]);
  };
  for (const item of applied) {
    const place = placeOf.get(elementOf(item));
    if (place === undefined) {
      while (at < live.length && !isShared(at)) result.push(live[at++]);
      result.push(item);
    } else {
      keepLiveUntil(place);
      at = Math.max(at, place + 1);
      result.push(merge(schema.items ?? {}, live[place], item));
    }
  }
  keepLiveUntil(live.length);
  return result;
}

/** Two sets that decide what goes: what the manager owned before, and what anybody owns now. */
export interface Removal {
  before: FieldSet;
  owned: FieldSet;
}

/** `value` without the fields that are in `before` and not in `owned`; containers emptied by that go too. */
export function withoutFields(schema: JsonSchema, value: unknown, removal: Removal): unknown {
  if (Array.isArray(value)) return remainingItems(branchFor(schema, value), value, removal);
  const result: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  for (const [element, child] of childrenOf(schema, value) ?? []) {
    const name = element.slice(2);
    const rest = remaining(child, element, removal);
    if (rest === undefined) delete result[name];
    else result[name] = rest;
  }
  return result;
}

function remainingItems(schema: JsonSchema, list: readonly unknown[], removal: Removal): unknown[] {
  const elementOf = elementNamer(schema);
  return list.flatMap((item) => {
    const child = { schema: schema.items ?? {}, value: item, item: true };
    const rest = remaining(child, elementOf(item), removal);
    return rest === undefined ? [] : [rest];
  });
}

/** What is left of a field; undefined when nothing is. */
function remaining({ schema, value, item }: Child, element: string, { before, owned }: Removal): unknown {
  const was = before[element];
  if (!was) return value;
  const is = owned[element];
  if (!childrenOf(schema, value)) return is ? value : undefined;
  if (hasSelf(is)) return withoutFields(schema, value, { before: was, owned: is ?? noFields });
  // An item goes as a whole with its last owner: fields inside it make no sense without it.
  if (hasSelf(was) && (item || isEmpty(value))) return undefined;
  const rest = withoutFields(schema, value, { before: was, owned: is ?? noFields });
  return isEmpty(rest) && !isEmpty(value) ? undefined : rest;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}
