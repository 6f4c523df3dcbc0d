import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyKind } from '../../../api/kinds/define-kind.ts';
import { jobKind } from '../../../api/kinds/job.ts';
import { nodeKind } from '../../../api/kinds/node.ts';
import { serviceKind } from '../../../api/kinds/service.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { applyPatch, mergePatch, patchTypes } from '../../../api/server/patch.ts';
import { reasonOf } from '../../reason-of.ts';

const job = anyKind(jobKind);
const node = anyKind(nodeKind);
const service = anyKind(serviceKind);

const web = (): AnyObject => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: { replicas: 3, args: ['a', 'b'] },
});
const n1 = (): AnyObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels: { a: '1' } },
  spec: { unschedulable: true, taints: [{ key: 'old', effect: 'NoSchedule' }] },
});

describe('a merge patch', () => {
  // The examples of RFC 7386, appendix A.
  test.each<[unknown, unknown, unknown]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, result) => {
    expect(mergePatch(target, patch)).toEqual(result);
  });

  test('leaves the object it is applied to alone, and applied twice changes nothing more', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (target, patch) => {
          const before = JSON.stringify(target);
          const once = mergePatch(target, patch);
          expect(JSON.stringify(target)).toBe(before);
          expect(mergePatch(once, patch)).toEqual(once);
        },
      ),
    );
  });

  test.each([[[]], [null], ['text'], [[{ op: 'add', path: '/a', value: 1 }]]])('%j is refused', (patch) => {
    expect(reasonOf(() => applyPatch(patchTypes.merge, patch, web(), job)).reason).toBe('BadRequest');
  });
});

describe('a JSON patch', () => {
  const apply = (...operations: unknown[]): AnyObject => applyPatch(patchTypes.json, operations, web(), job);

  test('adds, removes, replaces, moves, copies and tests', () => {
    const object = apply(
      { op: 'test', path: '/spec/replicas', value: 3 },
      { op: 'replace', path: '/spec/replicas', value: 5 },
      { op: 'add', path: '/spec/args/-', value: 'c' },
      { op: 'remove', path: '/spec/args/0' },
      { op: 'copy', from: '/spec/args', path: '/spec/copied' },
      { op: 'move', from: '/metadata/labels/app', path: '/metadata/labels/example.com~1app' },
    );
    expect(object.spec).toEqual({ replicas: 5, args: ['b', 'c'], copied: ['b', 'c'] });
    expect(object.metadata.labels).toEqual({ 'example.com/app': 'web' });
  });

  test('leaves the object it is applied to alone', () => {
    const before = web();
    applyPatch(patchTypes.json, [{ op: 'remove', path: '/spec' }], before, job);
    expect(before).toEqual(web());
  });

  test.each<[string, unknown[], string, RegExp]>([
    [
      'a failed test',
      [{ op: 'test', path: '/spec/replicas', value: 4 }],
      'Invalid',
      /spec\.replicas: operation 0 of the JSON patch \(test\) failed: the value is not/,
    ],
    ['a path that is not there', [{ op: 'replace', path: '/spec/nope', value: 1 }], 'Invalid', /operation 0/],
    ['a path through text', [{ op: 'add', path: '/kind/x/y', value: 1 }], 'Invalid', /operation 0/],
    ['removing what is not there', [{ op: 'remove', path: '/spec/args/7' }], 'Invalid', /operation 0/],
    ['an index beyond the end', [{ op: 'add', path: '/spec/args/9', value: 1 }], 'Invalid', /operation 0/],
    ['a move from nowhere', [{ op: 'move', from: '/nope', path: '/spec/x' }], 'Invalid', /operation 0/],
    [
      'replacing the whole object',
      [{ op: 'replace', path: '', value: {} }],
      'BadRequest',
      /must have a path/,
    ],
    ['a move into itself', [{ op: 'move', from: '/spec', path: '/spec/inner' }], 'BadRequest', /into itself/],
    ['an unknown operation', [{ op: 'merge', path: '/spec' }], 'BadRequest', /must have op/],
    ['no value', [{ op: 'add', path: '/spec/x' }], 'BadRequest', /must have a value/],
    ['no path', [{ op: 'remove' }], 'BadRequest', /must have a path/],
    ['a path without a slash', [{ op: 'remove', path: 'spec' }], 'BadRequest', /must have a path/],
    ['a broken escape', [{ op: 'remove', path: '/a~2b' }], 'BadRequest', /must have a path/],
    ['__proto__', [{ op: 'add', path: '/__proto__/x', value: 1 }], 'BadRequest', /must have a path/],
    [
      'constructor.prototype',
      [{ op: 'add', path: '/constructor/prototype/x', value: 1 }],
      'BadRequest',
      /must have a path/,
    ],
    [
      'a copy from a prototype',
      [{ op: 'copy', from: '/constructor', path: '/spec/x' }],
      'BadRequest',
      /must have from/,
    ],
    ['an operation that is none', [null], 'BadRequest', /is not an object/],
    [
      '10,001 operations',
      Array(10_001).fill({ op: 'test', path: '/kind', value: 'Job' }),
      'RequestEntityTooLarge',
      /10000/,
    ],
  ])('with %s is refused', (_name, operations, reason, says) => {
    const error = reasonOf(() => apply(...operations));
    expect(error.reason).toBe(reason);
    expect(error.message).toMatch(says);
  });

  test('cannot grow without bound by copying', () => {
    const double = Array.from({ length: 40 }, () => ({
      op: 'copy',
      from: '/spec/args',
      path: '/spec/args/-',
    }));
    expect(reasonOf(() => apply(...double)).reason).toBe('RequestEntityTooLarge');
  });

  test('cannot pile up depth', () => {
    const deeper = Array.from({ length: 200 }, () => ({ op: 'copy', from: '/spec', path: '/spec/again' }));
    const error = reasonOf(() => apply(...deeper));
    expect(error.reason).toBe('BadRequest');
    expect(error.message).toContain('nested deeper than 64');
  });

  test('that is no list is refused', () => {
    expect(reasonOf(() => applyPatch(patchTypes.json, {}, web(), job)).reason).toBe('BadRequest');
  });

  test('10,000 operations are applied', () => {
    const operations = Array(10_000).fill({ op: 'replace', path: '/spec/replicas', value: 7 });
    expect(apply(...operations).spec).toMatchObject({ replicas: 7 });
  });
});

describe('a strategic merge patch', () => {
  const apply = (patch: unknown): AnyObject => applyPatch(patchTypes.strategic, patch, n1(), node);

  test.each<[string, unknown, object]>([
    ['cordons', { spec: { unschedulable: true } }, { unschedulable: true }],
    [
      'replaces taints',
      { spec: { taints: [{ key: 'new', effect: 'NoExecute' }] } },
      { taints: [{ key: 'new', effect: 'NoExecute' }] },
    ],
  ])('%s', (_name, patch, spec) => {
    expect(apply(patch).spec).toMatchObject(spec);
  });

  test('uncordons, and removes taints and labels', () => {
    const object = apply({
      spec: { unschedulable: null, taints: null },
      metadata: { labels: { a: null, b: '2' } },
    });
    expect(object.spec).toEqual({});
    expect(object.metadata.labels).toEqual({ b: '2' });
  });

  test.each<[string, unknown, object]>([
    [
      'a port is changed and one added, in the order given',
      {
        ports: [
          { port: 443, name: 'tls' },
          { port: 80, targetPort: 8080 },
        ],
        '$setElementOrder/ports': [{ port: 443 }, { port: 80 }],
      },
      {
        ports: [
          { port: 443, name: 'tls' },
          { port: 80, name: 'http', targetPort: 8080 },
        ],
      },
    ],
    ['a port is taken out', { ports: [{ port: 80, $patch: 'delete' }] }, { ports: [] }],
    ['the list is replaced', { ports: [{ $patch: 'replace' }, { port: 1 }] }, { ports: [{ port: 1 }] }],
    ['only named fields stay', { $retainKeys: ['type'], type: 'X' }, { type: 'X' }],
    ['the object is replaced', { $patch: 'replace', type: 'X' }, { type: 'X' }],
  ])('by the merge key of a list: %s', (_name, patch, spec) => {
    const web = { ...n1(), kind: 'Service', spec: { ports: [{ port: 80, name: 'http' }] } };
    expect(applyPatch(patchTypes.strategic, { spec: patch }, web, service).spec).toEqual(spec);
  });

  test('adds finalizers and takes them out', () => {
    const first = apply({ metadata: { finalizers: ['a.b/c', 'a.b/d'] } });
    const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': ['a.b/c'], finalizers: ['a.b/e'] } };
    const second = applyPatch(patchTypes.strategic, patch, first, node);
    expect(second.metadata.finalizers).toEqual(['a.b/d', 'a.b/e']);
  });

  test.each<[string, unknown]>([
    ['an unknown directive', { spec: { '$do/taints': [] } }],
    ['a directive that is no list', { spec: { '$setElementOrder/taints': {} } }],
    ['an element without its key', { status: { conditions: [{ status: 'True' }] } }],
  ])('with %s is refused', (_name, patch) => {
    expect(reasonOf(() => apply(patch)).reason).toBe('BadRequest');
  });

  test('is not taken by custom kinds, whose clients are told what is', () => {
    const custom = { ...job, group: 'example.com' };
    const error = reasonOf(() => applyPatch(patchTypes.strategic, { spec: {} }, web(), custom));
    expect(error.reason).toBe('UnsupportedMediaType');
    expect(error.message).toBe(
      'the body of the patch was in an unknown format (application/strategic-merge-patch+json): example.com/v1 Job takes application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    );
  });
});

test.each(['application/apply-patch+yaml', 'application/json', '', 'text/plain; charset=utf-8'])(
  'a patch of type %j is refused',
  (type) => {
    expect(reasonOf(() => applyPatch(type, {}, web(), job)).reason).toBe('UnsupportedMediaType');
  },
);
