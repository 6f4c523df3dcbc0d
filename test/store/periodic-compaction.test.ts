import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { openMemoryStore } from '../../api/store/memory-store.ts';
import { startCompaction } from '../../api/store/periodic-compaction.ts';
import { put, write } from './backend.ts';

const fiveMinutesMs = 300_000;

describe('periodic compaction', () => {
  const setup = () => {
    const clock = new VirtualClock();
    const store = openMemoryStore({ clock });
    const loop = startCompaction(store, { everySeconds: 300, clock, logger: silentLogger });
    const writeMany = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) await write(store, put('a', String(at)));
    };
    return { clock, store, loop, writeMany };
  };

  test('five minutes of history stay, however much is written', async () => {
    const { clock, store, loop, writeMany } = setup();
    await clock.advance(1);
    await writeMany(5_000);
    await clock.advance(fiveMinutesMs);
    expect((await store.status()).compactRevision).toBe(1);
    await writeMany(5_000);
    await clock.advance(fiveMinutesMs);
    expect((await store.status()).compactRevision).toBe(5_001);
    await loop.stop();
    await store.close();
  });

  test('1,000 revisions stay, however old they are', async () => {
    const { clock, store, loop, writeMany } = setup();
    await writeMany(1_200);
    for (let turn = 0; turn < 5; turn++) await clock.advance(fiveMinutesMs);
    expect(await store.status()).toMatchObject({ revision: 1_201, compactRevision: 201 });
    await loop.stop();
    await store.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
