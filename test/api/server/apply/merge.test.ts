import { describe, expect, test } from 'vitest';
import { changedFields, fieldsOf, fieldsWithin } from '../../../../api/server/apply/extract.ts';
import type { FieldSet } from '../../../../api/server/apply/field-set.ts';
import { pathsOf } from '../../../../api/server/apply/field-set.ts';
import { merge, withoutFields } from '../../../../api/server/apply/merge.ts';
import { schema } from './schema.ts';

const names = (...list: string[]) => list.map((name) => ({ name }));

describe('merging a configuration into a live object', () => {
  test.each<[what: string, live: object, applied: object, result: object]>([
    ['adds members', { replicas: 1 }, { paused: true }, { replicas: 1, paused: true }],
    ['replaces values', { replicas: 1 }, { replicas: 2 }, { replicas: 2 }],
    [
      'goes into objects',
      { update: { surge: 1, wait: 2 } },
      { update: { wait: 3 } },
      { update: { surge: 1, wait: 3 } },
    ],
    ['replaces atomic lists', { command: ['a', 'b'] }, { command: ['c'] }, { command: ['c'] }],
    ['replaces lists of no type', { plain: ['a', 'b'] }, { plain: ['c'] }, { plain: ['c'] }],
    ['replaces atomic objects', { selector: { a: '1' } }, { selector: { b: '2' } }, { selector: { b: '2' } }],
    [
      'goes into objects without a schema',
      { anything: { a: { b: 1 } } },
      { anything: { a: { c: 2 } } },
      { anything: { a: { b: 1, c: 2 } } },
    ],
    [
      'replaces lists without a schema',
      { anything: { a: [{ b: 1 }] } },
      { anything: { a: [{ c: 2 }] } },
      { anything: { a: [{ c: 2 }] } },
    ],
    [
      'merges items by key',
      { containers: [{ name: 'a', image: '1' }] },
      { containers: [{ name: 'a', memory: '2' }] },
      { containers: [{ name: 'a', image: '1', memory: '2' }] },
    ],
    [
      'adds items behind',
      { containers: names('a') },
      { containers: names('b') },
      { containers: names('a', 'b') },
    ],
    [
      'takes the applied order',
      { containers: names('a', 'b') },
      { containers: names('b', 'a') },
      { containers: names('b', 'a') },
    ],
    [
      'leaves others where they stood',
      { containers: names('a', 'x', 'b', 'y') },
      { containers: names('a', 'c', 'b') },
      { containers: names('a', 'x', 'c', 'b', 'y') },
    ],
    [
      'leaves an empty list alone',
      { containers: names('a') },
      { containers: [] },
      { containers: names('a') },
    ],
    ['leaves an empty object alone', { update: { surge: 1 } }, { update: {} }, { update: { surge: 1 } }],
    [
      'keeps what has the wrong type for validation to name',
      { replicas: 1 },
      { containers: 'x' },
      { replicas: 1, containers: 'x' },
    ],
  ])('%s', (_what, live, applied, result) => {
    const merged = merge(schema, { spec: live }, { spec: applied });
    expect(merged).toEqual({ spec: result });
    expect(merge(schema, merged, { spec: applied })).toEqual(merged);
  });

  test('counts an absent key as its default', () => {
    const ports = (...list: object[]) => ({ spec: { containers: [{ name: 'a', ports: list }] } });
    const live = ports({ port: 80, protocol: 'TCP', name: 'web' }, { port: 80, protocol: 'UDP' });
    expect(merge(schema, live, ports({ port: 80, name: 'http' }))).toEqual(
      ports({ port: 80, protocol: 'TCP', name: 'http' }, { port: 80, protocol: 'UDP' }),
    );
  });

  test('unites sets', () => {
    const of = (...finalizers: string[]) => ({ metadata: { finalizers } });
    expect(merge(schema, of('a', 'b'), of('b', 'c'))).toEqual(of('a', 'b', 'c'));
  });
});

describe('the fields of a configuration', () => {
  test.each<[what: string, spec: object, paths: string[]]>([
    ['are its values', { replicas: 1, update: { wait: 2 } }, ['.spec.replicas', '.spec.update.wait']],
    [
      'count atomic values once',
      { command: ['a'], selector: { a: 'b' } },
      ['.spec.command', '.spec.selector'],
    ],
    ['count empty containers', { update: {} }, ['.spec.update']],
    [
      'count items and what is inside them',
      { containers: [{ name: 'a', image: 'b' }] },
      ['.spec.containers[name="a"]', '.spec.containers[name="a"].image', '.spec.containers[name="a"].name'],
    ],
    [
      'count members without a schema',
      { anything: { a: { b: [1] } } },
      ['.spec.anything.a', '.spec.anything.a.b'],
    ],
  ])('%s', (_what, spec, paths) => {
    expect(pathsOf(fieldsOf(schema, { spec }))).toEqual(paths);
  });
});

describe('the fields a change touches', () => {
  test.each<[what: string, old: object, next: object, paths: string[]]>([
    [
      'are those with another value',
      { replicas: 1, paused: true },
      { replicas: 2, paused: true },
      ['.spec.replicas'],
    ],
    ['are not those that went', { replicas: 1, paused: true }, { replicas: 1 }, []],
    ['count a new container', {}, { update: { wait: 1 } }, ['.spec.update', '.spec.update.wait']],
    [
      'are in the item that changed',
      { containers: [{ name: 'a', image: '1' }, { name: 'b' }] },
      { containers: [{ name: 'b' }, { name: 'a', image: '2' }] },
      ['.spec.containers[name="a"].image'],
    ],
    [
      'are the list where items share a key',
      { containers: names('a') },
      { containers: [{ name: 'a' }, { name: 'a', image: '1' }] },
      ['.spec.containers[name="a"]'],
    ],
  ])('%s', (_what, old, next, paths) => {
    expect(pathsOf(changedFields(schema, { spec: old }, { spec: next }))).toEqual(paths);
  });

  test('are found within what is left of an object', () => {
    const set = fieldsOf(schema, {
      spec: { replicas: 1, containers: [{ name: 'a', image: 'b' }, { name: 'c' }] },
    });
    const left = fieldsWithin(schema, set, { spec: { containers: [{ name: 'a' }] } });
    expect(pathsOf(left)).toEqual(['.spec.containers[name="a"]', '.spec.containers[name="a"].name']);
  });

  test('become one field where the schema has become atomic', () => {
    const set: FieldSet = { 'f:spec': { 'f:selector': { 'f:a': {}, 'f:b': {} } } };
    expect(pathsOf(fieldsWithin(schema, set, { spec: { selector: { a: '1' } } }))).toEqual([
      '.spec.selector',
    ]);
  });
});

describe('removing what a manager applies no longer', () => {
  const remove = (live: object, before: object, owned: object): unknown =>
    withoutFields(
      schema,
      { spec: live },
      { before: fieldsOf(schema, { spec: before }), owned: fieldsOf(schema, { spec: owned }) },
    );

  test.each<[what: string, live: object, before: object, owned: object, result: object]>([
    ['takes a value', { replicas: 1, paused: true }, { replicas: 1 }, {}, { paused: true }],
    ['leaves what somebody owns', { replicas: 1 }, { replicas: 1 }, { replicas: 1 }, { replicas: 1 }],
    [
      'takes an item with all that is inside',
      { containers: [{ name: 'a', image: 'x' }, { name: 'b' }] },
      { containers: names('a') },
      {},
      { containers: names('b') },
    ],
    [
      'leaves an item that somebody owns',
      { containers: [{ name: 'a', image: 'x' }] },
      { containers: [{ name: 'a', image: 'x' }] },
      { containers: names('a') },
      { containers: names('a') },
    ],
    [
      'takes a container that it empties',
      { replicas: 1, update: { wait: 1 } },
      { update: { wait: 1 } },
      {},
      { replicas: 1 },
    ],
    [
      'leaves a container with something in it',
      { update: { wait: 1, surge: 2 } },
      { update: { wait: 1 } },
      {},
      { update: { surge: 2 } },
    ],
    ['takes an empty container', { replicas: 1, update: {} }, { update: {} }, {}, { replicas: 1 }],
    [
      'takes an atomic value whole',
      { replicas: 1, selector: { a: '1' } },
      { selector: { a: '1' } },
      {},
      { replicas: 1 },
    ],
  ])('%s', (_what, live, before, owned, result) => {
    expect(remove(live, before, owned)).toEqual({ spec: result });
  });

  test('takes members of sets and maps one by one', () => {
    const metadata = { labels: { a: '1', b: '2' }, finalizers: ['x', 'y'] };
    const before = fieldsOf(schema, { metadata: { labels: { a: '1' }, finalizers: ['x'] } });
    expect(withoutFields(schema, { metadata }, { before, owned: {} })).toEqual({
      metadata: { labels: { b: '2' }, finalizers: ['y'] },
    });
  });
});
