/** Points 8 to 10: a watch is ordered, unique, complete, atomic, resumable from every revision, and ends when told. */
import { describe, expect, test } from 'vitest';
import { eventRevision } from '../../api/store/store-event.ts';
import { type Backend, compareAndPut, put, remove, write } from './backend.ts';
import { WatchRecorder } from './watch-recorder.ts';

export function watchContract(backend: () => Backend): void {
  describe('watches', () => {
    test('history and what comes live arrive as one sequence without gap or repetition', async () => {
      const { store } = backend();
      const recorder = new WatchRecorder();
      const { revision: start } = await store.list('');
      for (let at = 0; at < 30; at++) await write(store, put('k', String(at)));
      const watch = store.watch('', start + 1, recorder);
      const live = Array.from({ length: 200 }, (_, at) => write(store, put(`k${at % 5}`, String(at))));
      await Promise.all(live);
      await recorder.count(230);
      expect(recorder.revisions).toEqual(Array.from({ length: 230 }, (_, at) => start + 1 + at));
      watch.cancel();
    });

    test('a watch can begin at every retained revision', async () => {
      const { store } = backend();
      const first = await write(store, put('a', '0'));
      for (let at = 1; at < 12; at++) await write(store, at % 3 === 2 ? remove('a') : put('a', String(at)));
      const { revision: last } = await store.get('a');
      for (let from = first; from <= last; from++) {
        const recorder = new WatchRecorder();
        const watch = store.watch('', from, recorder);
        await recorder.count(last - from + 1);
        watch.cancel();
        expect(recorder.revisions).toEqual(Array.from({ length: last - from + 1 }, (_, at) => from + at));
      }
    });

    test('all events of a transaction come in one call, in history and live', async () => {
      const { store } = backend();
      const operations = Array.from({ length: 100 }, (_, at) => put(`t/${at}`, 'x'.repeat(100)));
      const first = await write(store, ...operations);
      const recorder = new WatchRecorder();
      const watch = store.watch('t/', first, recorder);
      await recorder.count(100);
      await write(store, ...operations.map(({ key }) => remove(key)));
      await recorder.count(200);
      watch.cancel();
      for (const { events, revision } of recorder.batches) {
        for (const inside of new Set(events.map(eventRevision))) {
          expect(events.filter((event) => eventRevision(event) === inside)).toHaveLength(100);
          expect(inside).toBeLessThanOrEqual(revision);
        }
      }
    });

    test('history and live events tell the versions of a key alike', async () => {
      const { store } = backend();
      const first = await write(store, put('a', '1'));
      await write(store, put('a', '2'));
      await write(store, remove('a'));
      const recorder = new WatchRecorder();
      const watch = store.watch('a', first, recorder);
      await recorder.count(3);
      await write(store, put('a', '4'));
      await write(store, put('a', '5'));
      await recorder.count(5);
      watch.cancel();
      expect(recorder.events).toMatchObject([
        { type: 'put', kv: { version: 1, createRevision: first } },
        { type: 'put', kv: { version: 2, createRevision: first } },
        { type: 'delete', key: 'a', modRevision: first + 2 },
        { type: 'put', kv: { version: 1, createRevision: first + 3 } },
        { type: 'put', kv: { version: 2 } },
      ]);
    });

    test('only keys of the prefix are delivered', async () => {
      const { store } = backend();
      const recorder = new WatchRecorder();
      const { revision } = await store.list('');
      const watch = store.watch('a/', revision + 1, recorder);
      await write(store, put('b/1', '1'), put('a/1', '1'), put('a', '1'));
      await write(store, put('b/1', '2'));
      await write(store, remove('a/1'), remove('b/1'));
      await recorder.count(2);
      watch.cancel();
      expect(recorder.log).toEqual(['put a/1=1', 'delete a/1']);
    });

    test('a watch from the future begins there', async () => {
      const { store } = backend();
      const revision = await write(store, put('a', '0'));
      const recorder = new WatchRecorder();
      const watch = store.watch('', revision + 3, recorder);
      for (let at = 1; at <= 4; at++) await write(store, put('a', String(at)));
      await recorder.count(2);
      watch.cancel();
      expect(recorder.log).toEqual(['put a=3', 'put a=4']);
    });

    test('a watch at or before the compact revision is Expired; one after it is complete', async () => {
      const { store } = backend();
      const first = await write(store, put('a', '1'), put('b', '1'));
      const compacted = await write(store, remove('a'));
      await write(store, put('b', '2'));
      await store.compact(compacted);
      for (const from of [first, compacted]) {
        const refused = new WatchRecorder();
        store.watch('', from, refused);
        await refused.ended();
        expect(refused.error).toMatchObject({
          reason: 'Expired',
          message: expect.stringContaining(String(compacted)),
        });
        expect(refused.events).toEqual([]);
      }
      const recorder = new WatchRecorder();
      const watch = store.watch('', compacted + 1, recorder);
      await recorder.count(1);
      watch.cancel();
      expect(recorder.log).toEqual(['put b=2']);
    });

    test('a delete at the compact revision reaches a watch that was there before', async () => {
      const { store } = backend();
      const recorder = new WatchRecorder();
      const first = await write(store, put('a', '1'));
      const watch = store.watch('', first, recorder);
      await recorder.count(1);
      await store.compact(await write(store, remove('a')));
      await write(store, put('a', '2'));
      await recorder.count(3);
      watch.cancel();
      expect(recorder.log).toEqual(['put a=1', 'delete a', 'put a=2']);
    });

    test('a handler that throws ends its own watch and disturbs no other', async () => {
      const { store } = backend();
      const { revision } = await store.list('');
      const recorder = new WatchRecorder();
      const broken = new WatchRecorder();
      broken.onEvents = () => {
        throw new Error('broken handler');
      };
      store.watch('', revision + 1, broken);
      const watch = store.watch('', revision + 1, recorder);
      for (let at = 0; at < 5; at++) await write(store, put('a', String(at)));
      await recorder.count(5);
      await broken.ended();
      watch.cancel();
      expect(broken.error?.message).toContain('broken handler');
    });

    test('a watch with much to catch up on gets it in parts and holds nobody up', async () => {
      const { store } = backend();
      const { revision: start } = await store.list('');
      const count = 2_500;
      for (let at = 0; at < count; at += 100) {
        await Promise.all(Array.from({ length: 100 }, () => write(store, put('k', 'x'))));
      }
      const late = new WatchRecorder();
      const live = new WatchRecorder();
      const watches = [store.watch('', start + 1, late), store.watch('', start + count + 1, live)];
      await write(store, put('k', 'live'));
      await live.count(1);
      await late.count(count + 1);
      for (const watch of watches) watch.cancel();
      expect(late.revisions).toEqual(Array.from({ length: count + 1 }, (_, at) => start + 1 + at));
      expect(Math.max(...late.batches.map(({ events }) => events.length))).toBeLessThanOrEqual(1_100);
    });

    test('many watchers all get everything', async () => {
      const { store } = backend();
      const { revision } = await store.list('');
      const recorders = Array.from({ length: 20 }, () => new WatchRecorder());
      const watches = recorders.map((recorder) => store.watch('', revision + 1, recorder));
      for (let at = 0; at < 50; at++) await write(store, put(`k${at}`, ''));
      await Promise.all(recorders.map((recorder) => recorder.count(50)));
      for (const watch of watches) watch.cancel();
      for (const recorder of recorders) expect(recorder.revisions).toEqual(recorders[0]?.revisions);
    });

    test('after cancel nothing is delivered, even when cancelled inside a handler', async () => {
      const { store } = backend();
      const { revision } = await store.list('');
      const cancelled = new WatchRecorder();
      const witness = new WatchRecorder();
      const keep = cancelled.onEvents.bind(cancelled);
      cancelled.onEvents = (events, at) => {
        keep(events, at);
        watch.cancel();
      };
      const watch = store.watch('', revision + 1, cancelled);
      const other = store.watch('', revision + 1, witness);
      await write(store, put('a', '1'));
      await cancelled.count(1);
      for (let at = 2; at < 6; at++) await write(store, put('a', String(at)));
      await witness.count(5);
      other.cancel();
      expect(cancelled.log).toEqual(['put a=1']);
      expect(cancelled.error).toBeUndefined();
    });

    test('a handler may write', async () => {
      const { store } = backend();
      const { revision } = await store.list('');
      const recorder = new WatchRecorder();
      const keep = recorder.onEvents.bind(recorder);
      recorder.onEvents = (events, at) => {
        keep(events, at);
        if (recorder.events.length === 1) void compareAndPut(store, 'answer', 0, '42');
      };
      const watch = store.watch('', revision + 1, recorder);
      await write(store, put('question', '?'));
      await recorder.count(2);
      watch.cancel();
      expect(recorder.log).toEqual(['put question=?', 'put answer=42']);
    });

    test('closing the store ends its watches with ServiceUnavailable', async () => {
      const { store } = backend();
      const { revision } = await store.list('');
      const recorder = new WatchRecorder();
      store.watch('', revision + 1, recorder);
      await write(store, put('a', '1'));
      await recorder.count(1);
      await store.close();
      await recorder.ended();
      expect(recorder.error).toMatchObject({ reason: 'ServiceUnavailable' });
    });
  });
}
