/** Strategic merge patches, rule by rule, from the examples of their documentation and of kubectl. */
import { describe, expect, test } from 'vitest';
import { anyKind } from '../../../api/kinds/define-kind.ts';
import { jobKind } from '../../../api/kinds/job.ts';
import { leaseKind } from '../../../api/kinds/lease.ts';
import { nodeKind } from '../../../api/kinds/node.ts';
import { serviceKind } from '../../../api/kinds/service.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { mergeKeysOf, takesStrategicPatch } from '../../../api/server/merge-keys.ts';
import { applyPatch, patchTypes } from '../../../api/server/patch.ts';
import { strategicPatch } from '../../../api/server/strategic-patch.ts';
import { reasonOf } from '../../reason-of.ts';

const keys = { list: 'name', 'list.inner': 'id', plain: '', 'deep.list': 'port' };
const item = (name: string, value?: unknown): object => ({ name, ...(value === undefined ? {} : { value }) });

describe('a strategic merge patch', () => {
  test.each<[rule: string, live: object, patch: object, result: object]>([
    ['merges objects', { a: { b: 1, c: 2 } }, { a: { c: 3 } }, { a: { b: 1, c: 3 } }],
    ['takes away what is null', { a: { b: 1, c: 2 } }, { a: { b: null } }, { a: { c: 2 } }],
    ['takes no null into what is new', {}, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
    ['replaces a value of another type', { a: [1] }, { a: { b: 1 } }, { a: { b: 1 } }],
    ['replaces a list without a key', { other: [1, 2] }, { other: [3] }, { other: [3] }],
    [
      'merges the items of a list by their key',
      { list: [item('a', 1), item('b', 2)] },
      { list: [item('b', 3), item('c')] },
      { list: [item('a', 1), item('b', 3), item('c')] },
    ],
    [
      'merges lists inside of items',
      { list: [{ name: 'a', inner: [{ id: 1 }] }] },
      { list: [{ name: 'a', inner: [{ id: 2 }] }] },
      { list: [{ name: 'a', inner: [{ id: 1 }, { id: 2 }] }] },
    ],
    [
      'tells keys apart that are numbers',
      { deep: { list: [{ port: 80, x: 1 }] } },
      { deep: { list: [{ port: 80, x: 2 }, { port: 443 }] } },
      { deep: { list: [{ port: 80, x: 2 }, { port: 443 }] } },
    ],
    [
      'adds to a list of plain values what is not in it',
      { plain: ['a', 'b'] },
      { plain: ['b', 'c'] },
      { plain: ['a', 'b', 'c'] },
    ],
    ['replaces an object', { a: { b: 1 } }, { a: { $patch: 'replace', c: 2 } }, { a: { c: 2 } }],
    ['empties an object', { a: { b: 1 } }, { a: { $patch: 'delete' } }, { a: {} }],
    [
      'deletes an item',
      { list: [item('a'), item('b')] },
      { list: [{ name: 'a', $patch: 'delete' }] },
      { list: [item('b')] },
    ],
    [
      'replaces a list',
      { list: [item('a'), item('b')] },
      { list: [item('c'), { $patch: 'replace' }] },
      { list: [item('c')] },
    ],
    ['empties a list', { list: [item('a')] }, { list: [{ $patch: 'replace' }] }, { list: [] }],
    [
      'replaces an item',
      { list: [item('a', { b: 1 })] },
      { list: [item('a', { $patch: 'replace', c: 1 })] },
      { list: [item('a', { c: 1 })] },
    ],
    [
      'deletes plain values',
      { plain: ['a', 'b', 'c'] },
      { '$deleteFromPrimitiveList/plain': ['b', 'x'] },
      { plain: ['a', 'c'] },
    ],
    [
      'retains keys',
      { a: { b: 1, c: 2, d: 3 } },
      { a: { $retainKeys: ['c', 'e'], e: 4 } },
      { a: { c: 2, e: 4 } },
    ],
    [
      'orders a list it adds to',
      { list: [item('a'), item('b')] },
      { list: [item('c')], '$setElementOrder/list': [item('c'), item('a'), item('b')] },
      { list: [item('c'), item('a'), item('b')] },
    ],
    [
      'orders a list it does not change',
      { list: [item('a'), item('b'), item('c')] },
      { '$setElementOrder/list': [item('c'), item('b'), item('a')] },
      { list: [item('c'), item('b'), item('a')] },
    ],
    [
      'leaves in their places the items only the server knows',
      { list: [item('a'), item('s'), item('b')] },
      { '$setElementOrder/list': [item('a'), item('b')] },
      { list: [item('a'), item('s'), item('b')] },
    ],
    [
      'puts server items before those that came after them',
      { list: [item('s'), item('a'), item('b')] },
      { '$setElementOrder/list': [item('b'), item('a')] },
      { list: [item('s'), item('b'), item('a')] },
    ],
    [
      'orders plain values while it deletes some',
      { plain: ['a', 'b', 'c'] },
      { plain: ['d'], '$setElementOrder/plain': ['d', 'c', 'a'], '$deleteFromPrimitiveList/plain': ['b'] },
      { plain: ['d', 'c', 'a'] },
    ],
    [
      'deletes an item and orders the rest',
      { list: [item('a'), item('b'), item('c')] },
      { list: [{ name: 'b', $patch: 'delete' }], '$setElementOrder/list': [item('c'), item('a')] },
      { list: [item('c'), item('a')] },
    ],
    [
      'orders nothing of a list that is replaced',
      {},
      { other: [2, 1], '$setElementOrder/other': [1, 2] },
      { other: [2, 1] },
    ],
  ])('%s', (_rule, live, patch, result) => {
    const before = structuredClone({ live, patch });
    expect(
      strategicPatch(live as AnyObject & Record<string, unknown>, patch as Record<string, unknown>, keys),
    ).toEqual(result);
    expect({ live, patch }).toEqual(before);
  });

  test.each<[string, object, RegExp]>([
    ['an unknown directive', { $patch: 'merge' }, /unknown directive \$patch/],
    ['a directive nobody knows', { $remove: [] }, /unknown directive "\$remove"/],
    ['an item without its key', { list: [{ value: 1 }] }, /merge key name/],
    ['a text for an item', { list: ['a'] }, /objects as items/],
    ['an unknown directive in an item', { list: [{ name: 'a', $patch: 'merge' }] }, /unknown directive/],
    ['an order that is none', { '$setElementOrder/list': 'a' }, /must be a list/],
    ['an order without keys', { list: [], '$setElementOrder/list': [{ value: 1 }] }, /merge key name/],
    [
      'items out of the order it gives',
      { list: [item('b'), item('a')], '$setElementOrder/list': [item('a'), item('b')] },
      /order of the list/,
    ],
    [
      'items that its order does not name',
      { list: [item('b')], '$setElementOrder/list': [item('a')] },
      /order of the list/,
    ],
    ['a field that it does not retain', { $retainKeys: ['a'], b: 1 }, /does not name "b"/],
    [
      'a deletion from a list of objects',
      { '$deleteFromPrimitiveList/list': ['a'] },
      /no list of plain values/,
    ],
  ])('with %s is refused', (_what, patch, says) => {
    const error = reasonOf(() =>
      strategicPatch({ list: [item('a')] }, patch as Record<string, unknown>, keys),
    );
    expect([error.reason, error.message]).toEqual(['BadRequest', expect.stringMatching(says)]);
  });

  test('is for all kinds but custom ones', () => {
    expect(takesStrategicPatch({ group: '', kind: 'Node' })).toBe(true);
    expect(takesStrategicPatch({ group: 'coordination.k8s.io', kind: 'Lease' })).toBe(true);
    expect(takesStrategicPatch({ group: 'gantry.dev', kind: 'Job' })).toBe(true);
    expect(takesStrategicPatch({ group: 'stable.example.com', kind: 'CronTab' })).toBe(false);
  });

  test("merges the lists that Kubernetes' types merge, and replaces the others", () => {
    expect(mergeKeysOf(nodeKind)).toEqual({
      'metadata.ownerReferences': 'uid',
      'metadata.finalizers': '',
      'status.addresses': 'type',
      'status.conditions': 'type',
      'spec.podCIDRs': '',
      'status.devices': 'name',
    });
    expect(mergeKeysOf(serviceKind)).toMatchObject({ 'spec.ports': 'port', 'status.conditions': 'type' });
    const template = 'spec.template.spec';
    expect(mergeKeysOf(jobKind)).toMatchObject({
      [`${template}.containers`]: 'name',
      [`${template}.containers.env`]: 'name',
      [`${template}.containers.ports`]: 'containerPort',
      [`${template}.containers.volumeMounts`]: 'mountPath',
      [`${template}.volumes`]: 'name',
    });
  });

  test('changes a lease, as kubectl apply and edit want', () => {
    const lease: AnyObject = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l' },
      spec: { holderIdentity: 'a' },
    };
    const patched = applyPatch(
      patchTypes.strategic,
      { spec: { holderIdentity: 'b' } },
      lease,
      anyKind(leaseKind),
    );
    expect(patched['spec']).toEqual({ holderIdentity: 'b' });
  });
});
