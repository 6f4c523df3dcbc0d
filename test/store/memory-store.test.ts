import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { openMemoryStore } from '../../api/store/memory-store.ts';
import { put, write } from './backend.ts';
import { storeContract } from './contract.ts';

describe('the memory store', () => {
  storeContract(
    async () => {
      const clock = new VirtualClock();
      const store = openMemoryStore({ clock });
      return { store, passTime: (ms) => clock.advance(ms), close: () => store.close() };
    },
    { durable: false },
  );

  test('closing leaves no timer behind', async () => {
    const clock = new VirtualClock();
    const store = openMemoryStore({ clock });
    const leaseId = await store.grantLease(10);
    await write(store, put('a', '1', leaseId));
    expect(clock.pendingTimers).toBe(1);
    await store.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('compaction gives memory back', async () => {
    const store = openMemoryStore();
    for (let at = 0; at < 100; at++) await write(store, put('a', Buffer.alloc(1000)));
    const before = await store.status();
    await store.compact(before.revision);
    expect((await store.status()).sizeBytes).toBeLessThan(before.sizeBytes / 50);
    await store.close();
  });
});
