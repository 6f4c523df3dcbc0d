/** Point 12: leases. The shortest that etcd grants is two seconds. */
import { describe, expect, test } from 'vitest';
import { type Backend, put, remove, write } from './backend.ts';
import { WatchRecorder } from './watch-recorder.ts';

export function leaseContract(backend: () => Backend): void {
  describe('leases', () => {
    test('keys of a lease that ran out are deleted, at one revision, as events', async () => {
      const { store, passTime } = backend();
      const leaseId = await store.grantLease(2);
      const revision = await write(store, put('a', '1', leaseId), put('b', '1', leaseId), put('c', '1'));
      expect((await store.get('a')).kv?.leaseId).toBe(leaseId);
      const recorder = new WatchRecorder();
      const watch = store.watch('', revision + 1, recorder);
      await passTime(2_500);
      await recorder.count(2);
      watch.cancel();
      expect(recorder.log.sort()).toEqual(['delete a', 'delete b']);
      expect(recorder.batches).toHaveLength(1);
      expect(await store.keepLeaseAlive(leaseId)).toBe(false);
    });

    test('a lease that is kept alive lives on', async () => {
      const { store, passTime } = backend();
      const leaseId = await store.grantLease(2);
      await write(store, put('a', '1', leaseId));
      await passTime(1_300);
      expect(await store.keepLeaseAlive(leaseId)).toBe(true);
      await passTime(1_300);
      expect((await store.get('a')).kv).toBeDefined();
    });

    test('revoking deletes the keys at once, and a second time does nothing', async () => {
      const { store } = backend();
      const leaseId = await store.grantLease(60);
      await write(store, put('a', '1', leaseId));
      await store.revokeLease(leaseId);
      expect((await store.get('a')).kv).toBeUndefined();
      await store.revokeLease(leaseId);
      expect(await store.keepLeaseAlive(leaseId)).toBe(false);
    });

    test('a key belongs to the lease it was last put with', async () => {
      const { store } = backend();
      const first = await store.grantLease(60);
      const second = await store.grantLease(60);
      await write(store, put('freed', '1', first), put('moved', '1', first), put('again', '1', first));
      await write(store, put('freed', '2'), put('moved', '2', second), remove('again'));
      await write(store, put('again', '2'));
      await store.revokeLease(first);
      expect((await store.list('')).items.map(({ key }) => key)).toEqual(['again', 'freed', 'moved']);
      await store.revokeLease(second);
      expect((await store.list('')).items.map(({ key }) => key)).toEqual(['again', 'freed']);
    });

    test('a put with a lease that does not exist is NotFound and writes nothing', async () => {
      const { store } = backend();
      await expect(write(store, put('a', '1'), put('b', '1', 4711))).rejects.toMatchObject({
        reason: 'NotFound',
      });
      expect((await store.list('')).items).toEqual([]);
      expect(await store.keepLeaseAlive(4711)).toBe(false);
    });
  });
}
