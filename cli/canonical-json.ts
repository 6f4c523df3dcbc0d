/** JSON whose text depends on its content alone: keys sorted, as Go's encoder (kubectl) writes maps. */

export type Json = Record<string, unknown>;

/** Key order means nothing. */
export function sameJson(left: unknown, right: unknown): boolean {
  return left === right || canonicalJson(left) === canonicalJson(right);
}

/** On one line, escaped as Go's encoder does it: kubectl's text, byte for byte. */
export function canonicalJson(value: unknown): string {
  return (JSON.stringify(sorted(value)) ?? '').replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The same value, the keys of every object in order. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  const result: Json = {};
  for (const key of Object.keys(value).sort()) setValue(result, key, sorted(value[key]));
  return result;
}

export function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Also for a key called `__proto__`. */
export function setValue(map: Json, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}
