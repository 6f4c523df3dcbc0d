/** Points 12 and 14: what a restart keeps. */
import { describe, expect, test } from 'vitest';
import type { Store } from '../../api/store/store.ts';
import { type Backend, keysOf, put, remove, write } from './backend.ts';
import { WatchRecorder } from './watch-recorder.ts';

const noRestart = (): Promise<Store> => Promise.reject(new Error('this backend cannot restart'));

export function restartContract(backend: () => Backend): void {
  describe('restarts', () => {
    test('leases and their keys survive a restart', async () => {
      const { store, restart = noRestart, passTime } = backend();
      const leaseId = await store.grantLease(2);
      const revision = await write(store, put('a', '1', leaseId));
      const reopened = await restart();
      expect((await reopened.get('a')).kv?.leaseId).toBe(leaseId);
      const recorder = new WatchRecorder();
      const watch = reopened.watch('', revision + 1, recorder);
      await passTime(2_500);
      await recorder.count(1);
      watch.cancel();
      expect(recorder.log).toEqual(['delete a']);
    });

    test('a restart keeps revision, compact revision, history and watchability', async () => {
      const { store, restart = noRestart } = backend();
      const first = await write(store, put('a', '1'), put('b', '1'));
      const second = await write(store, put('a', '2'));
      const third = await write(store, remove('b'));
      await store.compact(second);
      const reopened = await restart();
      expect(await reopened.status()).toMatchObject({ revision: third, compactRevision: second });
      expect(await keysOf(reopened, '', second)).toEqual(['a', 'b']);
      await expect(reopened.get('a', { revision: first })).rejects.toMatchObject({ reason: 'Expired' });
      const recorder = new WatchRecorder();
      const watch = reopened.watch('', third, recorder);
      expect(await write(reopened, put('a', '3'))).toBe(third + 1);
      await recorder.count(2);
      watch.cancel();
      expect(recorder.events).toMatchObject([
        { type: 'delete', key: 'b' },
        { type: 'put', kv: { value: Buffer.from('3'), version: 3 } },
      ]);
    });

    test('the revision does not go back when everything was deleted and compacted before a restart', async () => {
      const { store, restart = noRestart } = backend();
      await write(store, put('a', '1'));
      const last = await write(store, remove('a'));
      await store.compact(last);
      const reopened = await restart();
      expect((await reopened.get('a')).revision).toBe(last);
      expect(await write(reopened, put('a', '2'))).toBe(last + 1);
    });
  });
}
