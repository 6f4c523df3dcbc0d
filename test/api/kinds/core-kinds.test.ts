import { describe, expect, test } from 'vitest';
import { configMapKind } from '../../../api/kinds/config-map.ts';
import type { AnyKind } from '../../../api/kinds/define-kind.ts';
import { anyKind } from '../../../api/kinds/define-kind.ts';
import { names } from '../../../api/kinds/names.ts';
import { namespaceKind } from '../../../api/kinds/namespace.ts';
import { nodeKind } from '../../../api/kinds/node.ts';
import { bandOf, priorityClassKind } from '../../../api/kinds/priority-class.ts';
import { builtinKinds } from '../../../api/kinds/registry.ts';
import { builtinResources } from '../../../api/kinds/resources.ts';
import { secretKind } from '../../../api/kinds/secret.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { compileSchema } from '../../../api/server/schema.ts';

function made(kind: AnyKind, fields: object): AnyObject {
  const draft = {
    apiVersion: kind.version,
    kind: kind.kind,
    metadata: { name: 'x' },
    ...fields,
  } as AnyObject;
  compileSchema(kind.schema).applyDefaults(draft);
  kind.strategy.applyDefaults?.(draft);
  return draft;
}

const problems = (kind: AnyKind, next: AnyObject, old?: AnyObject): string[] =>
  (kind.strategy.validate?.(next, old) ?? []).map(({ field }) => field);

const [configMap, secret, namespace, node, priorityClass] = [
  anyKind(configMapKind),
  anyKind(secretKind),
  anyKind(namespaceKind),
  anyKind(nodeKind),
  anyKind(priorityClassKind),
] as const;

describe('a namespace', () => {
  test('begins active, labelled with its name and kept until it is empty', () => {
    expect(made(namespace, {})).toMatchObject({
      metadata: {
        labels: { 'kubernetes.io/metadata.name': 'x' },
        finalizers: ['gantry.dev/namespace-content'],
      },
      status: { phase: 'Active' },
    });
  });

  test('does not get its finalizer back once it exists', () => {
    const stored = made(namespace, { metadata: { name: 'x', uid: 'u', finalizers: [] } });
    expect(stored.metadata.finalizers).toEqual([]);
  });
});

describe('config maps and secrets', () => {
  test('text given to a secret becomes data and is not kept', () => {
    const stored = made(secret, { data: { a: 'QQ==' }, stringData: { b: 'hé', a: 'B' } });
    expect(stored).toMatchObject({ type: 'Opaque', data: { a: 'Qg==', b: 'aMOp' } });
    expect(stored).not.toHaveProperty('stringData');
  });

  test.each<[string, AnyKind, object, string[]]>([
    ['a key with a slash', configMap, { data: { 'a/b': '' } }, ['data[a/b]']],
    ['the key ..', configMap, { data: { '..': '' } }, ['data[..]']],
    ['bytes that are not base64', configMap, { binaryData: { a: '%' } }, ['binaryData[a]']],
    ['a secret that is not base64', secret, { data: { a: 'abc' } }, ['data[a]']],
  ])('%s is refused', (_name, kind, fields, fieldsAtFault) => {
    expect(problems(kind, made(kind, fields))).toEqual(fieldsAtFault);
  });

  test('what is immutable stays as it is', () => {
    const old = made(configMap, { data: { a: '1' }, immutable: true });
    expect(problems(configMap, made(configMap, { data: { a: '2' }, immutable: true }), old)).toEqual([
      'data',
    ]);
    expect(problems(configMap, made(configMap, { data: { a: '1' } }), old)).toEqual(['immutable']);
    expect(problems(configMap, made(configMap, { data: { a: '1' }, immutable: true }), old)).toEqual([]);
  });

  test('a secret keeps its type', () => {
    expect(problems(secret, made(secret, { type: 'b' }), made(secret, { type: 'a' }))).toEqual(['type']);
  });
});

describe('a node', () => {
  const statusCell = (fields: object): unknown =>
    node.columns.find(({ name }) => name === 'Status')?.cell(made(node, fields), 0);

  test.each<[string, object, string]>([
    ['Unknown', {}, 'Unknown'],
    ['Ready', { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, 'Ready'],
    ['NotReady', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }, 'NotReady'],
    ['cordoned', { spec: { unschedulable: true } }, 'Unknown,SchedulingDisabled'],
  ])('is shown as %s', (_name, fields, cell) => {
    expect(statusCell(fields)).toBe(cell);
  });

  test('refuses a taint whose key is none', () => {
    const tainted = made(node, { spec: { taints: [{ key: 'a b', effect: 'NoSchedule' }] } });
    expect(problems(node, tainted)).toEqual(['spec.taints[0].key']);
  });
});

describe('priorities', () => {
  test.each([
    [300_000, 'monitoring'],
    [1_000_000_000, 'monitoring'],
    [299_999, 'production'],
    [200_000, 'production'],
    [199_999, 'batch'],
    [100_000, 'batch'],
    [99_999, 'best-effort'],
    [0, 'best-effort'],
    [-1, 'best-effort'],
  ])('of %d are in the band %s', (priority, band) => {
    expect(bandOf(priority)).toBe(band);
  });

  test('a class keeps its value', () => {
    const old = made(priorityClass, { value: 1 });
    expect(problems(priorityClass, made(priorityClass, { value: 2 }), old)).toEqual(['value']);
  });
});

describe('the registry', () => {
  test('has every kind that has a name, and clients have a resource for each that is stored', () => {
    expect(builtinKinds.map(({ kind }) => kind).sort()).toEqual(Object.keys(names).sort());
    const stored = builtinKinds.filter(({ viewOf }) => viewOf === undefined);
    expect(builtinResources.map(({ kind }) => kind).sort()).toEqual(stored.map(({ kind }) => kind).sort());
  });

  test('gives no short name twice', () => {
    const all = builtinKinds.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]);
    expect(new Set(all).size).toBe(all.length);
  });

  test('every kind describes itself and each of its columns', () => {
    for (const kind of builtinKinds) {
      expect(kind.description).toMatch(/\.$/);
      expect(kind.columns.some(({ name }) => name === 'Name')).toBe(true);
      for (const { description } of kind.columns) expect(description).not.toBe('');
    }
  });
});
