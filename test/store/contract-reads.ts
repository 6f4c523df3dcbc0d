/** Points 4 to 7 and 11: ranges, the past, pages, compaction. */
import { describe, expect, test } from 'vitest';
import { type Backend, keysOf, put, remove, write } from './backend.ts';

export function readContract(backend: () => Backend): void {
  describe('reads', () => {
    test('the revision of a read is at least that of everything in it', async () => {
      const { store } = backend();
      const writes = Array.from({ length: 50 }, (_, at) => write(store, put(`k${at % 7}`, String(at))));
      const reads = Array.from({ length: 20 }, () => store.list('k'));
      for (const { revision, items } of await Promise.all(reads)) {
        expect(Math.max(0, ...items.map(({ modRevision }) => modRevision))).toBeLessThanOrEqual(revision);
      }
      await Promise.all(writes);
    });

    test('keys are listed in the byte order of their UTF-8, whatever is in them', async () => {
      const { store } = backend();
      const keys = ['k', 'k\0', 'k\0a', 'k/', 'ka', 'k\x7f', 'k\u00ff', 'kö', 'k\uffee', 'k\u{1f600}'];
      await write(store, ...keys.map((key) => put(key, key)));
      const expected = [...keys].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      expect(await keysOf(store, 'k')).toEqual(expected);
      for (const key of keys) expect((await store.get(key)).kv?.value.toString()).toBe(key);
    });

    test('a prefix ends where it ends', async () => {
      const { store } = backend();
      await write(store, ...['a', 'a/', 'a/1', 'a/2', 'a0', 'b', 'a\u00ff'].map((key) => put(key, '')));
      expect(await keysOf(store, 'a/')).toEqual(['a/', 'a/1', 'a/2']);
      expect(await keysOf(store, 'a/1')).toEqual(['a/1']);
      expect(await keysOf(store, 'a\u00ff')).toEqual(['a\u00ff']);
      expect(await keysOf(store, 'zzz')).toEqual([]);
      expect(await keysOf(store, '')).toHaveLength(7);
    });

    test('limit, more and count tell how much there is', async () => {
      const { store } = backend();
      await write(store, ...['p/a', 'p/b', 'p/c', 'p/d'].map((key) => put(key, '')));
      const first = await store.list('p/', { limit: 3 });
      expect(first).toMatchObject({ more: true, count: 4 });
      const second = await store.list('p/', { limit: 3, after: 'p/c' });
      expect(second.items.map(({ key }) => key)).toEqual(['p/d']);
      expect(second).toMatchObject({ more: false, count: 1 });
      expect(await store.list('none/')).toMatchObject({ items: [], more: false, count: 0 });
      expect(await store.list('p/', { after: 'a' })).toMatchObject({ count: 4 });
    });

    test('a large result is complete', async () => {
      const { store } = backend();
      const keys = Array.from({ length: 4_500 }, (_, at) => `n/${String(at).padStart(5, '0')}`);
      for (let at = 0; at < keys.length; at += 100) {
        await write(store, ...keys.slice(at, at + 100).map((key) => put(key, 'x')));
      }
      expect(await keysOf(store, 'n/')).toEqual(keys);
      expect((await store.list('n/', { limit: 2_500 })).items).toHaveLength(2_500);
    });

    test('a read at a past revision sees that moment, deleted and recreated keys included', async () => {
      const { store } = backend();
      const first = await write(store, put('a', '1'), put('b', '1'));
      const second = await write(store, put('a', '2'), remove('b'));
      const third = await write(store, remove('a'), put('b', '3'));
      await write(store, put('a', '4'));
      expect((await store.get('a', { revision: first })).kv).toMatchObject({
        value: Buffer.from('1'),
        modRevision: first,
        version: 1,
      });
      expect((await store.get('b', { revision: first - 1 })).kv).toBeUndefined();
      expect((await store.get('a', { revision: second })).kv?.value.toString()).toBe('2');
      expect(await keysOf(store, '', second)).toEqual(['a']);
      expect(await keysOf(store, '', third)).toEqual(['b']);
      expect((await store.list('', { revision: first })).revision).toBe(first);
      expect((await store.get('b', { revision: third })).kv).toMatchObject({ createRevision: third });
    });

    test('a future revision is a BadRequest', async () => {
      const { store } = backend();
      const revision = await write(store, put('a', '1'));
      await expect(store.get('a', { revision: revision + 1 })).rejects.toMatchObject({
        reason: 'BadRequest',
      });
      await expect(store.list('', { revision: revision + 1 })).rejects.toMatchObject({
        reason: 'BadRequest',
      });
      await expect(store.compact(revision + 1)).rejects.toMatchObject({ reason: 'BadRequest' });
    });

    test('pages at one revision do not see what is written between them', async () => {
      const { store } = backend();
      const keys = Array.from({ length: 10 }, (_, at) => `p/${at}`);
      const revision = await write(store, ...keys.map((key) => put(key, 'old')));
      const seen: string[] = [];
      let after: string | undefined;
      for (let more = true; more; ) {
        const page = await store.list('p/', { revision, limit: 3, ...(after ? { after } : {}) });
        seen.push(...page.items.map(({ key, value }) => `${key}=${value}`));
        after = page.items.at(-1)?.key;
        more = page.more;
        await write(store, put('p/4', 'new'), remove('p/7'), put(`p/5-${seen.length}`, 'new'));
      }
      expect(seen).toEqual(keys.map((key) => `${key}=old`));
    });

    test('a page after a compaction is Expired, and the message names the compact revision', async () => {
      const { store } = backend();
      const revision = await write(store, put('p/1', ''), put('p/2', ''));
      await store.list('p/', { revision, limit: 1 });
      const later = await write(store, put('p/3', ''));
      await store.compact(later);
      await expect(store.list('p/', { revision, limit: 1, after: 'p/1' })).rejects.toMatchObject({
        reason: 'Expired',
        message: expect.stringContaining(String(later)),
      });
    });

    test('compaction keeps what is current, drops what is not, and may be repeated', async () => {
      const { store } = backend();
      await write(store, put('kept', '1'), put('gone', '1'));
      const middle = await write(store, put('kept', '2'), remove('gone'));
      const last = await write(store, put('kept', '3'));
      await store.compact(middle);
      await store.compact(middle);
      await store.compact(middle - 1);
      expect(await store.status()).toMatchObject({ revision: last, compactRevision: middle });
      expect((await store.get('kept', { revision: middle })).kv?.value.toString()).toBe('2');
      expect((await store.get('gone', { revision: middle })).kv).toBeUndefined();
      await expect(store.get('kept', { revision: middle - 1 })).rejects.toMatchObject({ reason: 'Expired' });
      await store.compact(last);
      expect(await keysOf(store, '')).toEqual(['kept']);
      expect((await store.get('kept')).kv).toMatchObject({ version: 3, modRevision: last });
    });

    test('compacting away a deleted key leaves nothing of it, and it can come again', async () => {
      const { store } = backend();
      await write(store, put('a', '1'));
      await store.compact(await write(store, remove('a')));
      expect(await store.list('')).toMatchObject({ items: [], count: 0 });
      const again = await write(store, put('a', '2'));
      expect((await store.get('a')).kv).toMatchObject({ createRevision: again, version: 1 });
    });

    test('status counts bytes', async () => {
      const { store } = backend();
      await write(store, put('a', Buffer.alloc(100_000)));
      expect((await store.status()).sizeBytes).toBeGreaterThan(0);
    });
  });
}
