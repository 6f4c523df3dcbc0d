import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { openEmbeddedStore } from '../../api/store/embedded-store.ts';
import type { Store } from '../../api/store/store.ts';
import { put, remove, write } from './backend.ts';
import { storeContract } from './contract.ts';

describe('the embedded store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gantry-embedded-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const open = (clock = new VirtualClock()): Promise<Store> =>
    openEmbeddedStore(directory, { clock, logger: silentLogger });

  storeContract(
    async () => {
      const clock = new VirtualClock();
      let store = await open(clock);
      return {
        store,
        passTime: async (ms) => {
          await clock.advance(ms);
        },
        restart: async () => {
          await store.close();
          store = await open(clock);
          return store;
        },
        close: () => store.close(),
      };
    },
    { durable: true },
  );

  test('a second opener is refused and says why', async () => {
    const store = await open();
    await expect(open()).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: expect.stringContaining('in use by another process'),
    });
    await write(store, put('a', '1'));
    await store.close();
    const next = await open();
    expect((await next.get('a')).kv?.value.toString()).toBe('1');
    await next.close();
  });

  test('a directory that cannot be opened is a clear error', async () => {
    await expect(
      openEmbeddedStore('/dev/null/store', { clock: new VirtualClock(), logger: silentLogger }),
    ).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: expect.stringContaining('/dev/null/store'),
    });
  });

  test('calls that come while a commit is being synced share the next one', async () => {
    const store = await open();
    const results = await Promise.all(
      Array.from({ length: 1_000 }, (_, at) => write(store, put(`k${at}`, 'x'))),
    );
    expect(new Set(results).size).toBe(1_000);
    await store.close();
  });

  test('a transaction sees the earlier ones of its own batch', async () => {
    const store = await open();
    const increments = Array.from({ length: 50 }, () =>
      store.transact({ compares: [{ key: 'a', modRevision: 0 }], operations: [put('a', '1')] }),
    );
    const results = await Promise.all(increments);
    expect(results.filter(({ succeeded }) => succeeded)).toHaveLength(1);
    expect(results[49]).toMatchObject({ current: [{ key: 'a' }] });
    await store.close();
  });

  test('a compaction cut short by a crash is finished by the next start', async () => {
    const store = await open();
    for (let at = 0; at < 3_000; at++) void write(store, put(`k${at % 10}`, String(at)));
    const last = await write(store, remove('k0'));
    const compaction = store.compact(last);
    await store.close();
    await compaction;
    const reopened = await open();
    expect((await reopened.list('')).count).toBe(9);
    expect((await reopened.status()).compactRevision).toBeLessThanOrEqual(last);
    await reopened.close();
  });

  test('compaction gives disk space back', async () => {
    const store = await open();
    const value = Buffer.alloc(100_000);
    for (let at = 0; at < 200; at++) {
      value.writeUInt32BE((at * 2_654_435_761) >>> 0, at * 4);
      await write(store, put('a', value));
    }
    const { revision } = await store.status();
    await store.compact(revision);
    expect((await store.list('')).count).toBe(1);
    await expect(store.get('a', { revision: revision - 1 })).rejects.toMatchObject({ reason: 'Expired' });
    await store.close();
  });
});
