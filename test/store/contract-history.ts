/** Point 15: a history of concurrent clients has one explanation. */
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../api/meta/random.ts';
import type { Backend } from './backend.ts';
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
  });
}
