import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  difference,
  type FieldSet,
  fieldNode,
  inOrder,
  intersection,
  isFieldSet,
  noFields,
  pathsOf,
  sameFields,
  union,
} from '../../../../api/server/apply/field-set.ts';

/** A container and one field inside it, both in the set. */
const labels: FieldSet = { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } };

describe('a field set', () => {
  test('prints its fields as Kubernetes prints paths', () => {
    const set: FieldSet = {
      'f:spec': {
        'f:replicas': {},
        'f:containers': { 'k:{"name":"main"}': { '.': {}, 'f:image': {} } },
        'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { 'f:name': {} } },
        'f:finalizers': { 'v:"a/b"': {} },
        'f:list': { 'i:0': {} },
      },
    };
    expect(pathsOf(set)).toEqual([
      '.spec.containers[name="main"]',
      '.spec.containers[name="main"].image',
      '.spec.finalizers[="a/b"]',
      '.spec.list[0]',
      '.spec.ports[containerPort=80,protocol="TCP"].name',
      '.spec.replicas',
    ]);
  });

  test('keeps a container and what is inside it apart', () => {
    expect(difference(labels, { 'f:metadata': { 'f:labels': { 'f:a': {} } } })).toEqual({
      'f:metadata': { 'f:labels': {} },
    });
    expect(difference(labels, { 'f:metadata': { 'f:labels': {} } })).toEqual({
      'f:metadata': { 'f:labels': { 'f:a': {} } },
    });
    expect(difference(labels, labels)).toEqual({});
  });

  test('has one text for one set', () => {
    const text = (set: FieldSet) => JSON.stringify(inOrder(set));
    expect(text({ 'f:b': {}, 'f:a': { 'f:y': {}, '.': {}, 'f:x': {} } })).toBe(
      '{"f:a":{".":{},"f:x":{},"f:y":{}},"f:b":{}}',
    );
  });

  test.each([
    ['a list', []],
    ['text', 'f:a'],
    ['an element of no known kind', { 'x:a': {} }],
    ['an element without a kind', { spec: {} }],
    ['a key that is not JSON', { 'k:{name': {} }],
    ['a key that is not an object', { 'k:"name"': {} }],
    ['a value that is not JSON', { 'v:a': {} }],
    ['an index that is not a number', { 'i:x': {} }],
    ['a leaf that is not an object', { 'f:a': true }],
    ['null', { 'f:a': null }],
  ])('is not %s', (_what, value) => {
    expect(isFieldSet(value)).toBe(false);
  });
});

const element = fc.constantFrom('f:a', 'f:b', 'f:c', 'k:{"name":"x"}', 'v:1');

/** Any node below the root, as the house builds them. */
const nodes = (depth: number): fc.Arbitrary<FieldSet> =>
  fc
    .tuple(
      fc.boolean(),
      depth === 0 ? fc.constant({}) : fc.dictionary(element, nodes(depth - 1), { maxKeys: 3 }),
    )
    .map(([own, inside]) => fieldNode(own || Object.keys(inside).length === 0, inside) ?? noFields);
const sets = fc.dictionary(element, nodes(2), { maxKeys: 4 });

describe('sets obey the laws of sets', () => {
  const law = (name: string, holds: (a: FieldSet, b: FieldSet, c: FieldSet) => void): void => {
    test(name, () => fc.assert(fc.property(sets, sets, sets, holds), { numRuns: 300 }));
  };
  law('union does not care for order', (a, b, c) => {
    expect(inOrder(union(a, union(b, c)))).toEqual(inOrder(union(union(c, b), a)));
  });
  law('what is in both is in each', (a, b) => {
    expect(difference(intersection(a, b), a)).toEqual({});
    expect(difference(intersection(a, b), b)).toEqual({});
  });
  law('what is left and what is taken make the whole', (a, b) => {
    expect(sameFields(union(difference(a, b), intersection(a, b)), a)).toBe(true);
  });
  law('nothing of what was taken is left', (a, b) => {
    expect(intersection(difference(a, b), b)).toEqual({});
  });
  law('every result is a set', (a, b) => {
    for (const result of [union(a, b), difference(a, b), intersection(a, b)]) {
      expect(isFieldSet(result)).toBe(true);
      expect(new Set(pathsOf(result)).size).toBe(pathsOf(result).length);
    }
  });
});
