import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMap } from '../../api/kinds/resources.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import type { WatchEvent } from '../../api/meta/object-meta.ts';
import { seededRandom } from '../../api/meta/random.ts';
import type { Client } from '../../client/client.ts';
import { interceptClient } from '../../client/client-interceptor.ts';
import { Informer } from '../../client/informer.ts';
import { FaultyClient, until } from '../../client/testing/index.ts';
import { ChangeLog, versionsOf } from './change-log.ts';
import { clusters, type TestCluster } from './clusters.ts';
import { FakeCluster } from './fake-cluster.ts';

const namespace = 'default';

describe.each(clusters)('an informer on $name', ({ make }) => {
  let cluster: TestCluster;
  let clock: VirtualClock;
  let client: Client;
  let faulty: FaultyClient;
  let informer: Informer<ConfigMap>;
  let log: ChangeLog<ConfigMap>;

  beforeEach(async () => {
    cluster = await make();
    ({ client, clock } = cluster);
    faulty = new FaultyClient(client);
    informer = informerOver(faulty.client, clock);
    log = new ChangeLog();
    informer.onChange(log.handler);
  });

  afterEach(async () => {
    await informer.stop();
    await cluster.stop();
    expect(log.faults).toEqual([]);
  });

  const create = (name: string, value = '') =>
    client.create(ConfigMap, { metadata: { namespace, name }, data: { value } });
  const write = (name: string, value: string) =>
    client.patch(ConfigMap, { namespace, name }, { type: 'merge', body: { data: { value } } });
  const remove = (name: string) => client.delete(ConfigMap, { namespace, name });
  const synced = () => until(clock, () => informer.hasSynced);
  const watching = () => until(clock, () => informer.state === 'watch');
  const isEqual = async () => {
    const { items } = await client.list(ConfigMap);
    return versionsOf(items).join() === versionsOf(informer.cache.list()).join();
  };
  const equal = () => until(clock, isEqual);

  test('shows everything that is there before it has synced, page by page', async () => {
    for (let i = 0; i < 10; i++) await create(`a${i}`);
    expect(informer.hasSynced).toBe(false);
    informer.start();
    await synced();
    expect(log.lines).toHaveLength(10);
    expect(faulty.calls.filter(({ verb }) => verb === 'list')).toHaveLength(4);
    await equal();
  });

  test('tells of creations, updates with the old state, and deletions, in order', async () => {
    informer.start();
    await synced();
    await create('a', '1');
    await write('a', '2');
    await create('b');
    await remove('a');
    await until(clock, () => log.lines.length === 4);
    expect(log.lines).toEqual(['+a', '~a', '+b', '-a']);
  });

  test('tells a handler that comes late of what is already there', async () => {
    await create('a');
    informer.start();
    await synced();
    const late = new ChangeLog<ConfigMap>();
    const leave = informer.onChange(late.handler);
    expect(late.lines).toEqual(['+a']);
    leave();
    await create('b');
    await until(clock, () => log.lines.includes('+b'));
    expect(late.lines).toEqual(['+a']);
  });

  test('goes on from where it was after a cut connection, without a new list', async () => {
    informer.start();
    await synced();
    await create('a');
    await equal();
    faulty.cutStreams();
    await create('b');
    await write('a', '2');
    await equal();
    expect(log.lines).toEqual(['+a', '+b', '~a']);
    expect(faulty.calls.filter(({ verb }) => verb === 'list')).toHaveLength(1);
  });

  test('lists again when its version has expired, and tells only what changed', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    informer.start();
    await synced();
    await watching();
    faulty.inject({ verb: 'watch', fault: 'expired' });
    faulty.cutStreams();
    await remove('a');
    await write('b', '2');
    await create('d');
    await equal();
    expect(log.lines.slice(3).sort()).toEqual(['+d', '-a', '~b']);
  });

  test('lists again from the first page when a page has expired', async () => {
    for (let i = 0; i < 10; i++) await create(`a${i}`);
    faulty.inject({ verb: 'list', nth: 3, fault: 'expired' });
    informer.start();
    await synced();
    expect(log.lines).toHaveLength(10);
  });

  test('shows an object that was deleted and made again in a gap as gone and new', async () => {
    await create('a');
    informer.start();
    await synced();
    await watching();
    faulty.inject({ verb: 'watch', fault: 'expired' });
    faulty.cutStreams();
    await remove('a');
    await create('a');
    await equal();
    expect(log.lines).toEqual(['+a', '-a', '+a']);
  });

  test('comes through a server that is down at first and fails again later', async () => {
    await create('a');
    faulty.inject({ verb: 'list', fault: 'unavailable', times: 7 });
    faulty.inject({ verb: 'watch', fault: 'unavailable', times: 5 });
    informer.start();
    await synced();
    await create('b');
    await equal();
    expect(log.lines).toEqual(['+a', '+b']);
  });

  test('keeps the others going when one handler throws', async () => {
    informer.onChange(() => {
      throw new Error('handler broke');
    });
    informer.onChange(async () => {
      throw new Error('and so did an async one');
    });
    informer.start();
    await synced();
    await create('a');
    await create('b');
    await until(clock, () => log.lines.length === 2);
    expect(informer.handlerErrors).toBe(4);
    expect(informer.cache.size).toBe(2);
  });

  test('neither loses nor doubles a change, whatever breaks when', { timeout: 60_000 }, async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ type: fc.constant('put' as const), name }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), name }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('cut' as const) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('expire' as const) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('down' as const) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant('time' as const), ms: fc.nat(3_000) }) },
    );
    informer.start();
    await synced();
    let writes = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        for (const action of steps) {
          if (action.type === 'put') {
            const exists = await client
              .get(ConfigMap, { namespace, name: action.name })
              .catch(() => undefined);
            await (exists ? write(action.name, `${++writes}`) : create(action.name));
          } else if (action.type === 'remove') await remove(action.name).catch(() => {});
          else if (action.type === 'cut') faulty.cutStreams();
          else if (action.type === 'expire') faulty.inject({ verb: 'watch', fault: 'expired' });
          else if (action.type === 'down') faulty.inject({ verb: 'list', fault: 'unavailable', times: 2 });
          else await clock.advance(action.ms);
        }
        await until(clock, isEqual, { limitMs: 600_000, stepMs: 100 });
        expect(versionsOf(log.picture.values())).toEqual(versionsOf(informer.cache.list()));
        expect(log.faults).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('an informer', () => {
  test('leaves no watch and no timer behind when it stops', async () => {
    const clock = new VirtualClock();
    const cluster = new FakeCluster(clock);
    const informer = informerOver(cluster.client, clock);
    informer.start();
    await until(clock, () => cluster.openWatches === 1);
    await informer.stop();
    await clock.advance(0);
    expect(cluster.openWatches).toBe(0);
    expect(clock.pendingTimers).toBe(0);
    expect(informer.state).toBe('stopped');
  });

  test('cuts a watch that has gone silent, and catches up', async () => {
    const clock = new VirtualClock();
    const cluster = new FakeCluster(clock);
    let watches = 0;
    const client: Client = {
      ...cluster.client,
      watch: (resource, parameters) =>
        ++watches === 1 ? silence(parameters.signal!) : cluster.client.watch(resource, parameters),
    };
    const informer = informerOver(client, clock);
    informer.start();
    await until(clock, () => watches === 1);
    await cluster.client.create(ConfigMap, { metadata: { namespace, name: 'missed' } });
    await clock.advance(44_000);
    expect(informer.cache.size).toBe(0);
    await until(clock, () => informer.cache.size === 1, { limitMs: 3_000 });
    await informer.stop();
  });

  test('keeps a quiet watch open as long as bookmarks come', async () => {
    const clock = new VirtualClock();
    const cluster = new FakeCluster(clock);
    const faulty = new FaultyClient(cluster.client);
    const informer = informerOver(faulty.client, clock);
    informer.start();
    await until(clock, () => informer.hasSynced);
    await clock.advance(200_000);
    expect(faulty.calls.filter(({ verb }) => verb === 'watch')).toHaveLength(1);
    await informer.stop();
  });

  test('goes on from a bookmark, so that a quiet kind does not expire', async () => {
    const clock = new VirtualClock();
    const cluster = new FakeCluster(clock);
    const faulty = new FaultyClient(cluster.client);
    const informer = new Informer({
      client: faulty.client,
      resource: ConfigMap,
      scope: { labelSelector: 'app=none' },
      clock,
    });
    informer.start();
    await until(clock, () => informer.hasSynced);
    for (let i = 0; i < 5; i++)
      await cluster.client.create(ConfigMap, { metadata: { namespace, name: `a${i}` } });
    await clock.advance(15_000);
    cluster.compact();
    faulty.cutStreams();
    await clock.advance(15_000);
    expect(faulty.calls.filter(({ verb }) => verb === 'list')).toHaveLength(1);
    await informer.stop();
  });

  test('lists again after a line that makes no sense', async () => {
    const clock = new VirtualClock();
    const cluster = new FakeCluster(clock);
    const calls: string[] = [];
    const client = interceptClient(cluster.client, {
      call: (call, proceed) => {
        calls.push(call.verb);
        return proceed();
      },
      stream: (call, open) => {
        calls.push(call.verb);
        return calls.length === 2
          ? failure(new ApiError('InternalError', 'a watch line is no event'))
          : open();
      },
    });
    const informer = informerOver(client, clock);
    informer.start();
    await until(clock, () => calls.length === 4);
    expect(calls).toEqual(['list', 'watch', 'list', 'watch']);
    await informer.stop();
  });

  test('asks a server that fails less and less often, and at least every 5 seconds', async () => {
    const clock = new VirtualClock();
    const faulty = new FaultyClient(new FakeCluster(clock).client);
    faulty.inject({ verb: 'list', fault: 'unavailable', times: 1_000 });
    const informer = informerOver(faulty.client, clock);
    informer.start();
    await clock.advance(600_000);
    expect(faulty.calls.length).toBeGreaterThan(120);
    expect(faulty.calls.length).toBeLessThan(250);
    await informer.stop();
  });

  test('waits as long as the server asks it to', async () => {
    const clock = new VirtualClock();
    let lists = 0;
    const client = interceptClient(new FakeCluster(clock).client, {
      call: (_call, proceed) => {
        if (++lists > 1) return proceed();
        throw new ApiError('TooManyRequests', 'busy', { retryAfterSeconds: 20 });
      },
    });
    const informer = informerOver(client, clock);
    informer.start();
    await clock.advance(19_900);
    expect(lists).toBe(1);
    await clock.advance(200);
    expect(lists).toBe(2);
    await informer.stop();
  });

  test('transforms objects before it keeps or shows them', async () => {
    const clock = new VirtualClock();
    const cluster = new FakeCluster(clock);
    await cluster.client.create(ConfigMap, { metadata: { namespace, name: 'a' }, data: { big: 'x' } });
    const informer = new Informer({
      client: cluster.client,
      resource: ConfigMap,
      transform: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
      clock,
    });
    informer.start();
    await until(clock, () => informer.hasSynced);
    expect(informer.cache.get('default/a')).not.toHaveProperty('data');
    await informer.stop();
  });

  test('takes 10,000 objects and 20,000 events in well under four seconds', async () => {
    const clock = new VirtualClock();
    const configMap = (i: number, version: number): ConfigMap => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name: `a${i}`, uid: `u${i}`, resourceVersion: `${version}` },
    });
    async function* watch(): AsyncGenerator<WatchEvent<ConfigMap>> {
      for (let i = 0; i < 20_000; i++) yield { type: 'MODIFIED', object: configMap(i % 10_000, 20_000 + i) };
      await new Promise(() => {});
    }
    const items = Array.from({ length: 10_000 }, (_, i) => configMap(i, i));
    const list = async () => ({
      apiVersion: 'v1',
      kind: 'ConfigMapList',
      metadata: { resourceVersion: '9' },
      items,
    });
    const client = { ...new FakeCluster(clock).client, list, watch } as unknown as Client;
    const informer = informerOver(client, clock);
    const startMs = performance.now();
    informer.start();
    await until(clock, () => informer.changes === 30_000);
    expect(performance.now() - startMs).toBeLessThan(4_000);
  });
});

function informerOver(client: Client, clock: VirtualClock): Informer<ConfigMap> {
  return new Informer({ client, resource: ConfigMap, pageSize: 3, clock, random: seededRandom(7) });
}

/** A watch that is open and says nothing until it is aborted. */
async function* silence(signal: AbortSignal): AsyncGenerator<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

function failure(error: Error): AsyncIterable<never> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}
