/** Points 14 and 15: what a restart keeps, and a history of concurrent clients that has one explanation. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../api/meta/random.ts';
import { type Backend, keysOf, put, remove, write } from './backend.ts';
import { checkHistory, recordClients } from './history-checker.ts';
import { WatchRecorder } from './watch-recorder.ts';

export function historyContract(backend: () => Backend): void {
  describe('history', () => {
    test('16 concurrent clients make a linearizable history', async () => {
      const { store } = backend();
      const { revision } = await store.list('');
      const recorder = new WatchRecorder();
      const watch = store.watch('', revision + 1, recorder);
      const operations = await recordClients(store, { clients: 16, turns: 60, random: seededRandom(42) });
      const writes = operations.filter(({ type, succeeded }) => type === 'write' && succeeded);
      await recorder.count(writes.length);
      watch.cancel();
      expect(writes.length).toBeGreaterThan(100);
      expect(checkHistory(operations, recorder.events)).toEqual([]);
    });

    test('a restart keeps revision, compact revision, history and watchability', async () => {
      const { store, restart } = backend();
      const first = await write(store, put('a', '1'), put('b', '1'));
      const second = await write(store, put('a', '2'));
      const third = await write(store, remove('b'));
      await store.compact(second);
      if (!restart) return;
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
        { type: 'delete', key: 'b', previous: { value: Buffer.from('1') } },
        { type: 'put', kv: { value: Buffer.from('3'), version: 3 }, previous: { value: Buffer.from('2') } },
      ]);
    });

    test('the revision does not go back when everything was deleted and compacted before a restart', async () => {
      const { store, restart } = backend();
      await write(store, put('a', '1'));
      const last = await write(store, remove('a'));
      await store.compact(last);
      if (!restart) return;
      const reopened = await restart();
      expect((await reopened.get('a')).revision).toBe(last);
      expect(await write(reopened, put('a', '2'))).toBe(last + 1);
    });
  });
}
