import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json, sameJson } from '../../cli/canonical-json.ts';
import {
  lastAppliedAnnotation,
  lastAppliedOf,
  threeWayMergePatch,
  withLastApplied,
} from '../../cli/three-way-merge.ts';

/** RFC 7386, as the server applies it. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: Json = isObject ? { ...(target as Json) } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

const applied = (last: Json | undefined, wanted: Json, current: Json): Json =>
  mergePatch(current, threeWayMergePatch(last, wanted, current)) as Json;

const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer(), { maxLength: 2 }));
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const tree = fc.letrec<{ map: Json; value: unknown }>((tie) => ({
  map: fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof({ maxDepth: 3 }, leaf, tie('map')),
})).map;

describe('three-way merge', () => {
  it.each<[string, Json | undefined, Json, Json, Json]>([
    ['adds what is wanted', {}, { a: 1 }, {}, { a: 1 }],
    ['changes what differs', { a: 1 }, { a: 2 }, { a: 1 }, { a: 2 }],
    [
      'removes what was applied and is no longer wanted',
      { a: 1, b: 2 },
      { a: 1 },
      { a: 1, b: 2 },
      { b: null },
    ],
    ['leaves fields of others alone', { a: 1 }, { a: 1 }, { a: 1, other: 3 }, {}],
    ['takes a changed field back', { a: 1 }, { a: 1 }, { a: 9 }, { a: 1 }],
    ['replaces lists as a whole', { a: [1] }, { a: [1, 2] }, { a: [1] }, { a: [1, 2] }],
    [
      'works level by level',
      { s: { a: 1, b: 1 } },
      { s: { a: 2 } },
      { s: { a: 1, b: 1, c: 1 } },
      { s: { a: 2, b: null } },
    ],
    ['does not remove what is gone already', { a: 1 }, {}, {}, {}],
    ['removes nothing without a last applied', undefined, { a: 1 }, { a: 1, b: 2 }, {}],
    ['never sends a wanted null', {}, { a: null, b: { c: null } }, {}, { b: {} }],
  ])('%s', (_what, last, wanted, current, patch) => {
    expect(threeWayMergePatch(last, wanted, current)).toEqual(patch);
  });

  it('applying twice changes nothing the second time', () => {
    fc.assert(
      fc.property(tree, tree, tree, (last, wanted, current) => {
        const once = applied(last, wanted, current);
        expect(threeWayMergePatch(wanted, wanted, once)).toEqual({});
      }),
    );
  });

  it('what is wanted is there afterwards, and what only others set is still there', () => {
    fc.assert(
      fc.property(tree, tree, tree, (last, wanted, current) => {
        const result = applied(last, wanted, current);
        for (const [name, value] of Object.entries(wanted)) {
          if (typeof value !== 'object' || Array.isArray(value)) expect(result[name]).toEqual(value);
        }
        for (const name of Object.keys(current)) {
          if (!(name in last) && !(name in wanted)) expect(result[name]).toEqual(current[name]);
          if (name in last && !(name in wanted)) expect(result).not.toHaveProperty(name);
        }
      }),
    );
  });
});

describe('the last-applied annotation', () => {
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', annotations: { note: '<b>', [lastAppliedAnnotation]: 'old' } },
    data: { z: '1', a: '2' },
  };

  it("is kubectl's text: sorted keys, Go's escapes, a line feed, and without itself", () => {
    expect(withLastApplied(object).metadata.annotations).toEqual({
      note: '<b>',
      [lastAppliedAnnotation]:
        '{"apiVersion":"v1","data":{"a":"2","z":"1"},"kind":"ConfigMap","metadata":{"annotations":{"note":"\\u003cb\\u003e"},"name":"a"}}\n',
    });
  });

  it('is read back, and anything else in its place is taken for none', () => {
    expect(lastAppliedOf(withLastApplied(object))).toMatchObject({ data: { a: '2', z: '1' } });
    expect(lastAppliedOf(object)).toBeUndefined();
    expect(lastAppliedOf({ ...object, metadata: { name: 'a' } })).toBeUndefined();
  });

  it('two values with other key orders are the same', () => {
    expect(sameJson({ a: 1, b: [{ c: 1, d: 2 }] }, { b: [{ d: 2, c: 1 }], a: 1 })).toBe(true);
    expect(sameJson({ a: 1 }, { a: '1' })).toBe(false);
    expect(canonicalJson(undefined)).toBe('');
  });
});
