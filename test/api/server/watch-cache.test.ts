/** The watch cache defends itself against stores that lag, break, go back or are shared. */
import { expect, it } from 'vitest';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { WatchCache } from '../../../api/server/watch-cache.ts';
import { openMemoryStore } from '../../../api/store/memory-store.ts';
import type { Store, WatchHandler } from '../../../api/store/store.ts';

const configMaps = { group: '', plural: 'configmaps' };

function put(store: Store, key: string, text = ''): ReturnType<Store['transact']> {
  const name = key.split('/').at(-1);
  const value = Buffer.from(
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text } }),
  );
  return store.transact({ compares: [], operations: [{ type: 'put', key, value }] });
}

/** A memory store with parts replaced. */
function storeWith(replace: (store: Store) => Partial<Store>): Store {
  const store = openMemoryStore();
  const replaced = replace(store);
  return new Proxy(store, {
    get(target, property) {
      const own = (replaced as Record<PropertyKey, unknown>)[property];
      const value = own ?? Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function started(store: Store): Promise<WatchCache> {
  const cache = new WatchCache({ store, clock: systemClock, logger: silentLogger });
  await cache.start();
  return cache;
}

it('drops events that are not newer than what it has', async () => {
  let handler: WatchHandler | undefined;
  const store = storeWith((inner) => ({
    watch(prefix, from, given) {
      handler = given;
      return inner.watch(prefix, from, given);
    },
  }));
  const cache = await started(store);
  await put(store, '/registry/core/configmaps/default/a', 'old');
  const { kv: old } = await store.get('/registry/core/configmaps/default/a');
  await put(store, '/registry/core/configmaps/default/a', 'new');
  const revision = await cache.waitUntilCurrent();
  const events: string[] = [];
  cache
    .kind(configMaps)
    .subscribe({ onEvent: ({ type }) => events.push(type), onReset: () => events.push('reset') });
  handler!.onEvents([{ type: 'put', kv: old!, previous: undefined }], old!.modRevision);
  expect(events).toEqual([]);
  expect(cache.revision).toBe(revision);
  expect(cache.kind(configMaps).get('default/a')?.parse()['data']).toEqual({ text: 'new' });
  await cache.stop();
});

it('lists again when the watch breaks, and sends its watchers away', async () => {
  const handlers: WatchHandler[] = [];
  const store = storeWith((inner) => ({
    watch(prefix, from, handler) {
      handlers.push(handler);
      return inner.watch(prefix, from, handlers.length === 1 ? { onEvents() {}, onError() {} } : handler);
    },
  }));
  const cache = await started(store);
  const resets: string[] = [];
  cache
    .kind(configMaps)
    .subscribe({ onEvent: () => resets.push('event'), onReset: () => resets.push('reset') });
  await put(store, '/registry/core/configmaps/default/missed');
  handlers[0]!.onError(new Error('broken'));
  await cache.waitUntilCurrent();
  expect(resets).toEqual(['reset']);
  expect(cache.kind(configMaps).get('default/missed')).toBeDefined();
  expect(cache.kind(configMaps).eventsAfter(0)).toBeUndefined();
  await cache.stop();
});

it('lists again when the revision of the store goes back', async () => {
  let lie = 0;
  const store = storeWith((inner) => ({
    async get(key, options) {
      const result = await inner.get(key, options);
      return { ...result, revision: result.revision - lie };
    },
  }));
  await put(store, '/registry/core/configmaps/default/a');
  const cache = await started(store);
  const reset = new Promise<void>((resolve) => {
    cache.kind(configMaps).subscribe({ onEvent() {}, onReset: resolve });
  });
  lie = 1;
  await expect(cache.waitUntilCurrent()).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  lie = 0;
  await reset;
  await cache.stop();
});

it('answers consistent reads although others write to the same store', async () => {
  const store = openMemoryStore();
  const cache = await started(store);
  await store.transact({
    compares: [],
    operations: [{ type: 'put', key: '/elsewhere', value: Buffer.from('x') }],
  });
  const { revision } = await store.get('/elsewhere');
  expect(await cache.waitUntilCurrent()).toBeGreaterThan(revision);
  await cache.stop();
});

it('shares one question to the store among readers that ask at once', async () => {
  let questions = 0;
  const store = storeWith((inner) => ({
    get(key, options) {
      questions++;
      return inner.get(key, options);
    },
  }));
  const cache = await started(store);
  await Promise.all(Array.from({ length: 100 }, () => cache.waitUntilCurrent()));
  expect(questions).toBeLessThanOrEqual(2);
  await cache.stop();
});
