/** The watch cache defends itself against stores that lag, break, go back or are shared. */
import { expect, it, vi } from 'vitest';
import { systemClock, VirtualClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { CachedObject } from '../../../api/server/cached-object.ts';
import { Metrics } from '../../../api/server/metrics.ts';
import { WatchCache } from '../../../api/server/watch-cache.ts';
import type { WatchHubs } from '../../../api/server/watch-hubs.ts';
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
  handler!.onEvents([{ type: 'put', kv: old! }], old!.modRevision);
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

const auditIntervalMs = 5 * 60_000;
const key = (name: string): string => `/registry/core/configmaps/default/${name}`;

it.each<[string, (cache: WatchCache) => void, number]>([
  ['lost an object', (cache) => cache.kind(configMaps).remove('default/a', cache.revision), 1],
  [
    'has an object nobody wrote',
    (cache) => {
      const kv = {
        value: Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}'),
        modRevision: 1,
      };
      cache.kind(configMaps).put(CachedObject.fromStore('default/x', kv));
    },
    1,
  ],
  [
    'has old states of two objects',
    (cache) => {
      for (const name of ['a', 'b']) {
        const kv = {
          value: Buffer.from(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"}}`),
          modRevision: 1,
        };
        cache.kind(configMaps).put(CachedObject.fromStore(`default/${name}`, kv));
      }
    },
    2,
  ],
])('that %s finds out by itself, says so, and lists again', async (_what, corrupt, drift) => {
  const clock = new VirtualClock();
  const store = openMemoryStore({ clock, logger: silentLogger });
  for (const name of ['a', 'b']) await put(store, key(name), name);
  const cache = new WatchCache({ store, clock, logger: silentLogger });
  await cache.start();
  const metrics = new Metrics();
  metrics.observeState({ cache, hubs: { counts: () => [] } as unknown as WatchHubs });
  const text = async (): Promise<string> =>
    /^store_cache_drift_total (\d+)$/m.exec(await metrics.text())?.[1] ?? '';

  await clock.advance(auditIntervalMs);
  expect(await text()).toBe('0');
  const reset = vi.fn();
  cache.kind(configMaps).subscribe({ onEvent() {}, onReset: reset });
  corrupt(cache);
  await clock.advance(auditIntervalMs);
  expect(await text()).toBe(String(drift));
  await clock.advance(1000);
  expect(reset).toHaveBeenCalledTimes(1);
  expect([...cache.kind(configMaps).keys]).toEqual(['default/a', 'default/b']);
  expect(cache.kind(configMaps).get('default/b')?.parse()['data']).toEqual({ text: 'b' });
  await clock.advance(2 * auditIntervalMs);
  expect(await text()).toBe(String(drift));
  await cache.stop();
});
