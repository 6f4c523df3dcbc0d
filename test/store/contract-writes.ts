/** Points 1 to 3: revisions, compare and swap, the life of a key; and what a transaction may look like. */
import { describe, expect, test } from 'vitest';
import { maxValueBytes } from '../../api/store/store.ts';
import { type Backend, compareAndPut, put, remove, write } from './backend.ts';

export function writeContract(backend: () => Backend): void {
  describe('writes', () => {
    test('every transaction that changes something makes exactly one revision', async () => {
      const { store } = backend();
      const { revision: start } = await store.list('');
      expect(await write(store, put('a', '1'))).toBe(start + 1);
      expect(await write(store, put('a', '2'), put('b', '1'), put('c', '1'))).toBe(start + 2);
      expect(await write(store, remove('a'), remove('b'))).toBe(start + 3);
    });

    test('a failed compare, a delete of nothing and an empty transaction make no revision', async () => {
      const { store } = backend();
      const revision = await write(store, put('a', '1'));
      expect(await compareAndPut(store, 'a', revision + 7, 'x')).toMatchObject({
        succeeded: false,
        revision,
      });
      expect(await write(store, remove('nothing'))).toBe(revision);
      expect(await store.transact({ compares: [], operations: [] })).toEqual({ succeeded: true, revision });
      expect((await store.get('a')).revision).toBe(revision);
    });

    test('compare 0 creates only what is absent', async () => {
      const { store } = backend();
      const created = await compareAndPut(store, 'a', 0, '1');
      expect(created.succeeded).toBe(true);
      expect(await compareAndPut(store, 'a', 0, '2')).toMatchObject({ succeeded: false });
      await write(store, remove('a'));
      expect((await compareAndPut(store, 'a', 0, '3')).succeeded).toBe(true);
    });

    test('update and delete hold on the exact revision only', async () => {
      const { store } = backend();
      const revision = await write(store, put('a', '1'));
      const stale = { compares: [{ key: 'a', modRevision: revision - 1 }], operations: [remove('a')] };
      expect((await store.transact(stale)).succeeded).toBe(false);
      expect((await compareAndPut(store, 'a', revision, '2')).succeeded).toBe(true);
      const fresh = { compares: [{ key: 'a', modRevision: revision + 1 }], operations: [remove('a')] };
      expect((await store.transact(fresh)).succeeded).toBe(true);
      expect((await store.get('a')).kv).toBeUndefined();
    });

    test('a failed transaction returns what each compared key holds, in order, and changes nothing', async () => {
      const { store } = backend();
      const revision = await write(store, put('a', '1'), put('b', '2'));
      const result = await store.transact({
        compares: [
          { key: 'b', modRevision: revision },
          { key: 'missing', modRevision: 0 },
          { key: 'a', modRevision: 1 },
        ],
        operations: [put('c', '3'), remove('b')],
      });
      expect(result).toMatchObject({
        succeeded: false,
        current: [{ key: 'b', modRevision: revision, value: Buffer.from('2') }, undefined, { key: 'a' }],
      });
      expect((await store.list('')).items.map(({ key }) => key)).toEqual(['a', 'b']);
    });

    test('createRevision and version start again after a delete', async () => {
      const { store } = backend();
      const created = await write(store, put('a', '1'));
      await write(store, put('a', '2'));
      expect((await store.get('a')).kv).toMatchObject({ createRevision: created, version: 2 });
      await write(store, remove('a'));
      const again = await write(store, put('a', '3'));
      expect((await store.get('a')).kv).toMatchObject({
        createRevision: again,
        modRevision: again,
        version: 1,
        leaseId: 0,
      });
    });

    test('a large value is stored; one over the limit is refused and the next call works', async () => {
      const { store } = backend();
      const large = Buffer.alloc(maxValueBytes - 1024, 7);
      const revision = await write(store, put('large', large));
      const tooLarge = Buffer.alloc(maxValueBytes + 1);
      await expect(write(store, put('larger', tooLarge))).rejects.toMatchObject({
        reason: 'RequestEntityTooLarge',
      });
      const { kv, revision: after } = await store.get('large');
      expect(kv?.value.equals(large)).toBe(true);
      expect(after).toBe(revision);
      expect((await store.get('larger')).kv).toBeUndefined();
    });

    test('a transaction over the limit in total is refused', async () => {
      const { store } = backend();
      const half = Buffer.alloc(maxValueBytes / 2);
      await expect(write(store, put('a', half), put('b', half), put('c', half))).rejects.toMatchObject({
        reason: 'RequestEntityTooLarge',
      });
    });

    test.each([
      ['a key written twice', { compares: [], operations: [put('a', '1'), remove('a')] }],
      ['an empty key in an operation', { compares: [], operations: [put('', '1')] }],
      ['an empty key in a compare', { compares: [{ key: '', modRevision: 0 }], operations: [] }],
      [
        'more than 10,000 operations',
        { compares: [], operations: Array.from({ length: 10_001 }, (_, at) => put(`k${at}`, '')) },
      ],
    ])('a transaction with %s is a BadRequest', async (_, transaction) => {
      await expect(backend().store.transact(transaction)).rejects.toMatchObject({ reason: 'BadRequest' });
    });

    test('concurrent creations of one key have one winner', async () => {
      const { store } = backend();
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, at) => compareAndPut(store, 'lock', 0, String(at))),
      );
      expect(results.filter(({ succeeded }) => succeeded)).toHaveLength(1);
    });

    test('a closed store refuses with ServiceUnavailable', async () => {
      const { store } = backend();
      await store.close();
      await expect(write(store, put('a', '1'))).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
      await expect(store.get('a')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    });
  });
}
