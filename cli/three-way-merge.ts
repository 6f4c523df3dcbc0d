/**
 * Client-side apply's patch: from what was applied last, what is wanted now and what is there, a JSON
 * merge patch (RFC 7386) that adds and changes what is wanted, deletes what was applied before and is no
 * longer wanted, and leaves fields of others alone. The same rule and the same annotation as kubectl
 * (apimachinery, jsonmergepatch.CreateThreeWayJSONMergePatch), so the two can take turns on one object.
 */
import type { AnyObject } from '../api/meta/object-meta.ts';
import { canonicalJson, isMap, type Json, sameJson, setValue } from './canonical-json.ts';

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The patch; `{}` when nothing is to change. `lastApplied` is undefined for objects that were never applied. */
export function threeWayMergePatch(lastApplied: Json | undefined, wanted: Json, current: Json): Json {
  const changes = additions(current, wanted);
  const removals = deletions(lastApplied ?? {}, wanted, current);
  return merged(removals, changes);
}

/** The object as it is sent: with itself, as applied, in its annotation. */
export function withLastApplied(object: AnyObject): AnyObject {
  const { [lastAppliedAnnotation]: _old, ...annotations } = object.metadata.annotations ?? {};
  const bare = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${canonicalJson(bare)}\n`;
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...annotations, [lastAppliedAnnotation]: text } },
  };
}

/** What was applied last, as the live object remembers it; undefined when it does not, or not as an object. */
export function lastAppliedOf(live: AnyObject): Json | undefined {
  const text = live.metadata.annotations?.[lastAppliedAnnotation];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Fields of `wanted` that `current` lacks or has otherwise. Lists are replaced as a whole. */
function additions(current: Json, wanted: Json): Json {
  const patch: Json = {};
  for (const [key, value] of Object.entries(wanted)) {
    const there = ownValue(current, key);
    if (value === null) continue;
    if (isMap(value) && isMap(there)) {
      const inner = additions(there, value);
      if (Object.keys(inner).length > 0) setValue(patch, key, inner);
    } else if (!sameJson(value, there)) {
      setValue(patch, key, isMap(value) ? withoutNulls(value) : value);
    }
  }
  return patch;
}

/** Fields that were applied, are no longer wanted, and are still there. */
function deletions(lastApplied: Json, wanted: Json, current: Json): Json {
  const patch: Json = {};
  for (const [key, value] of Object.entries(lastApplied)) {
    const there = ownValue(current, key);
    const next = ownValue(wanted, key);
    if (there === undefined) continue;
    if (next === undefined || next === null) {
      setValue(patch, key, null);
    } else if (isMap(value) && isMap(next) && isMap(there)) {
      const inner = deletions(value, next, there);
      if (Object.keys(inner).length > 0) setValue(patch, key, inner);
    }
  }
  return patch;
}

function merged(left: Json, right: Json): Json {
  const result: Json = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const there = ownValue(result, key);
    setValue(result, key, isMap(there) && isMap(value) ? merged(there, value) : value);
  }
  return result;
}

/** In a merge patch null means "delete": a wanted object that is new must not carry any. */
function withoutNulls(value: Json): Json {
  const result: Json = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== null) setValue(result, key, isMap(item) ? withoutNulls(item) : item);
  }
  return result;
}

function ownValue(map: Json, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
