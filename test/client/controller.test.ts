import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMap, Node, Secret } from '../../api/kinds/resources.ts';
import { ApiError, hasReason } from '../../api/meta/api-error.ts';
import type { VirtualClock } from '../../api/meta/clock.ts';
import { ownerReference } from '../../api/meta/object-meta.ts';
import { seededRandom } from '../../api/meta/random.ts';
import type { Client } from '../../client/client.ts';
import {
  type ControllerDefinition,
  controller,
  type ReconcileContext,
  TerminalError,
} from '../../client/controller.ts';
import { ControllerRuntime } from '../../client/runtime.ts';
import { deepFreeze, FaultyClient, settle, until } from '../../client/testing/index.ts';
import { clusters, type TestCluster } from './clusters.ts';

const namespace = 'default';

describe.each(clusters)('a controller on $name', ({ make }) => {
  let cluster: TestCluster;
  let clock: VirtualClock;
  let client: Client;
  const runtimes: ControllerRuntime[] = [];

  beforeEach(async () => {
    cluster = await make();
    ({ client, clock } = cluster);
  });

  afterEach(async () => {
    await Promise.all(runtimes.splice(0).map((runtime) => runtime.stop({ graceMs: 0 })));
    await cluster.stop();
  });

  async function run(definition: ControllerDefinition, through = client): Promise<ControllerRuntime> {
    const runtime = new ControllerRuntime({
      client: through,
      component: 'test',
      clock,
      random: seededRandom(3),
      informers: { transform: deepFreeze },
    });
    runtimes.push(runtime.add(definition));
    const started = runtime.start();
    await until(clock, () => runtime.hasSynced || hasCrashed(through));
    if (!hasCrashed(through)) await started;
    return runtime;
  }

  const crashedClients = new Set<FaultyClient>();
  const hasCrashed = (through: Client): boolean =>
    [...crashedClients].some((faulty) => faulty.client === through && faulty.crashed);

  const create = (name: string, data: Record<string, string> = {}) =>
    client.create(ConfigMap, { metadata: { namespace, name }, data });

  /** Recording stand-in: what was reconciled, in order. */
  function recorder(
    reconcile: (object: ConfigMap, context: ReconcileContext) => Promise<void> = async () => {},
  ) {
    const seen: string[] = [];
    const definition = controller(ConfigMap).reconcile(async (object, context) => {
      seen.push(object.metadata.name);
      await reconcile(object, context);
    });
    return { seen, definition };
  }

  test('reconciles what is there at the start, then each change', async () => {
    await create('a');
    const { seen, definition } = recorder();
    await run(definition);
    await until(clock, () => seen.length === 1);
    await create('b');
    await until(clock, () => seen.length === 2);
    expect(seen).toEqual(['a', 'b']);
  });

  test('starts no reconcile before all its caches have synced', async () => {
    await create('a');
    await client.create(Secret, { metadata: { namespace, name: 's' } });
    const faulty = new FaultyClient(client).inject({
      verb: 'list',
      kind: 'Secret',
      fault: 'unavailable',
      times: 5,
    });
    const secrets: number[] = [];
    const definition = controller(ConfigMap)
      .reads(Secret)
      .reconcile(async (_object, context) => {
        secrets.push(context.cache(Secret).size);
      });
    await run(definition, faulty.client);
    await until(clock, () => secrets.length > 0);
    expect(secrets).toEqual([1]);
  });

  test('reconciles the owner when an owned object changes or goes', async () => {
    const owner = await create('a');
    const { seen } = recorder();
    const definition = controller(ConfigMap)
      .owns(Secret)
      .reconcile(async ({ metadata }, context) => {
        seen.push(`${metadata.name}:${context.cache(Secret).ownedBy({ metadata }).length}`);
      });
    await run(definition);
    await until(clock, () => seen.length === 1);
    const metadata = { namespace, name: 's', ownerReferences: [ownerReference(owner)] };
    await client.create(Secret, { metadata });
    await until(clock, () => seen.length === 2);
    await client.delete(Secret, { namespace, name: 's' });
    await until(clock, () => seen.length === 3);
    expect(seen).toEqual(['a:0', 'a:1', 'a:0']);
  });

  test('reconciles the keys a mapping gives, for the old state of an object too', async () => {
    await create('a');
    await create('b');
    const { seen } = recorder();
    const definition = controller(ConfigMap)
      .watches(Secret, ({ metadata }) => {
        const target = metadata.labels?.['for'];
        return target ? [`${namespace}/${target}`] : [];
      })
      .reconcile(async ({ metadata }) => {
        seen.push(metadata.name);
      });
    await run(definition);
    await until(clock, () => seen.length === 2);
    await client.create(Secret, { metadata: { namespace, name: 's', labels: { for: 'a' } } });
    await until(clock, () => seen.length === 3);
    const body = { metadata: { labels: { for: 'b' } } };
    await client.patch(Secret, { namespace, name: 's' }, { type: 'merge', body });
    await until(clock, () => seen.length === 5);
    expect(seen.slice(2)).toEqual(['a', 'a', 'b']);
  });

  test('passes over changes its predicate refuses', async () => {
    const seen: string[] = [];
    const definition = controller(ConfigMap)
      .when(({ object }) => object.metadata.name !== 'ignored')
      .reconcile(async ({ metadata }) => {
        seen.push(metadata.name);
      });
    const runtime = await run(definition);
    await create('ignored');
    await create('a');
    await settle(clock, [runtime]);
    expect(seen).toEqual(['a']);
  });

  test('tries a failing object again, longer and longer, without holding up others', async () => {
    const times: number[] = [];
    const { seen, definition } = recorder(async ({ metadata }) => {
      if (metadata.name !== 'bad') return;
      times.push(clock.monotonicMs());
      if (times.length < 6) throw new Error('not yet');
    });
    const runtime = await run(definition);
    await create('bad');
    await create('good');
    await until(clock, () => times.length === 6, { stepMs: 1 });
    expect(seen).toContain('good');
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits.at(-1)).toBeGreaterThan(waits[0]!);
    expect(runtime.metrics()['configmaps']).toMatchObject({ errors: 5, active: 0, total: 7 });
  });

  test('does not try again what failed for good, until the object changes', async () => {
    const { seen, definition } = recorder(async () => {
      throw new TerminalError('no cure');
    });
    const runtime = await run(definition);
    await create('a');
    await clock.advance(600_000);
    expect(seen).toEqual(['a']);
    await client.patch(ConfigMap, { namespace, name: 'a' }, { type: 'merge', body: { data: { x: '1' } } });
    await until(clock, () => seen.length === 2);
    expect(runtime.metrics()['configmaps']!.terminalErrors).toBe(2);
  });

  test('counts a conflict as everyday business and tries again', async () => {
    let tries = 0;
    const { definition } = recorder(async () => {
      if (++tries < 3) throw new ApiError('Conflict', 'it changed');
    });
    const runtime = await run(definition);
    await create('a');
    await until(clock, () => tries === 3);
    expect(runtime.metrics()['configmaps']).toMatchObject({ conflicts: 2, errors: 0 });
  });

  test('comes back after the time it asked for', async () => {
    const times: number[] = [];
    const definition = controller(ConfigMap).reconcile(async () => {
      times.push(clock.monotonicMs());
      return { requeueAfterMs: 30_000 };
    });
    await run(definition);
    await create('a');
    await until(clock, () => times.length === 3, { limitMs: 100_000, stepMs: 100 });
    expect(times[1]! - times[0]!).toBe(30_000);
    expect(times[2]! - times[1]!).toBe(30_000);
  });

  test('gives a reconcile up that takes too long, and that one can write no more', async () => {
    const refused: unknown[] = [];
    let runs = 0;
    const definition = controller(ConfigMap)
      .options({ timeoutMs: 1_000 })
      .reconcile(async ({ metadata }, context) => {
        if (++runs > 1) return;
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        const late = context.client.delete(ConfigMap, { namespace, name: metadata.name });
        await late.catch((error: unknown) => refused.push(error));
      });
    const runtime = await run(definition);
    await create('a');
    await until(clock, () => runs === 2);
    expect(refused.map((error) => hasReason(error, 'Timeout'))).toEqual([true]);
    expect(runtime.metrics()['configmaps']).toMatchObject({ timeouts: 1, errors: 1, active: 0 });
    await client.get(ConfigMap, { namespace, name: 'a' });
  });

  test('never runs one object twice at once, and different ones together', async () => {
    const running = new Map<string, number>();
    let most = 0;
    let overlaps = 0;
    const definition = controller(ConfigMap)
      .options({ concurrency: 3 })
      .reconcile(async ({ metadata: { name } }, context) => {
        running.set(name, (running.get(name) ?? 0) + 1);
        if (running.get(name)! > 1) overlaps++;
        most = Math.max(
          most,
          [...running.values()].reduce((sum, count) => sum + count),
        );
        await new Promise<void>((resolve) => context.clock.after(50, resolve));
        running.set(name, running.get(name)! - 1);
      });
    const runtime = await run(definition);
    for (const name of ['a', 'b', 'c', 'd']) await create(name);
    for (let i = 0; i < 20; i++) {
      const body = { data: { i: `${i}` } };
      await client.patch(ConfigMap, { namespace, name: 'ab'[i % 2]! }, { type: 'merge', body });
      await clock.advance(20);
    }
    await settle(clock, [runtime]);
    expect(overlaps).toBe(0);
    expect(most).toBe(3);
  });

  test('hands keys of objects that are gone to reconcileKey only', async () => {
    const keys: string[] = [];
    const definition = controller(ConfigMap).reconcileKey(async (key, context) => {
      keys.push(`${key} ${context.cache(ConfigMap).get(key) ? 'there' : 'gone'}`);
    });
    await run(definition);
    await create('a');
    await until(clock, () => keys.length === 1);
    await client.delete(ConfigMap, { namespace, name: 'a' });
    await until(clock, () => keys.length === 2);
    expect(keys).toEqual(['default/a there', 'default/a gone']);
  });

  test('may not read a cache it did not name', async () => {
    const errors: string[] = [];
    const definition = controller(ConfigMap).reconcile(async (_object, context) => {
      try {
        context.cache(Node);
      } catch (error) {
        errors.push(String(error));
      }
    });
    await run(definition);
    await create('a');
    await until(clock, () => errors.length === 1);
    expect(errors[0]).toContain('add .reads(Node)');
  });

  test('ends a stop only when no reconcile runs any more, and starts none after it', async () => {
    let active = 0;
    const { seen, definition } = recorder(async (_object, context) => {
      active++;
      await new Promise<void>((resolve) => context.clock.after(300, resolve));
      active--;
    });
    const runtime = await run(definition);
    await create('a');
    await until(clock, () => active === 1);
    const stopped = runtime.stop({ graceMs: 5_000 });
    await create('b');
    await clock.advance(1_000);
    await stopped;
    expect(active).toBe(0);
    expect(seen).toEqual(['a']);
  });

  /** Keeps `count` secrets per config map and says so in it: three kinds of writes, cut off anywhere. */
  const keeper = controller(ConfigMap)
    .owns(Secret)
    .reconcile(async (object, { client: writer, cache }) => {
      const count = Number(object.data?.['count'] ?? 0);
      const secrets = cache(Secret).ownedBy(object);
      const wanted = Array.from({ length: count }, (_, i) => `${object.metadata.name}-${i}`);
      for (const { metadata } of secrets) {
        if (!wanted.includes(metadata.name)) await writer.delete(Secret, { namespace, name: metadata.name });
      }
      for (const name of wanted) {
        if (secrets.some(({ metadata }) => metadata.name === name)) continue;
        const metadata = { namespace, name, ownerReferences: [ownerReference(object)] };
        await writer.create(Secret, { metadata }).catch((error: unknown) => {
          if (!hasReason(error, 'AlreadyExists')) throw error;
        });
      }
      if (object.data?.['kept'] === String(count)) return;
      const body = { data: { kept: String(count) } };
      await writer.patch(ConfigMap, { namespace, name: object.metadata.name }, { type: 'merge', body });
    });

  const outcome = async (): Promise<string[]> => {
    const { items: secrets } = await client.list(Secret);
    const { items: maps } = await client.list(ConfigMap);
    return [
      ...secrets.map(({ metadata }) => metadata.name),
      ...maps.map(({ metadata, data }) => `${metadata.name}=${data?.['kept']}`),
    ].sort();
  };

  test.each(['crashBefore', 'crashAfter', 'lostAnswer', 'conflict', 'unavailable'] as const)(
    'reaches the same end when any one of its writes meets %s',
    async (fault) => {
      for (let nth = 1; nth <= 5; nth++) {
        const name = `job${nth}`;
        const faulty = new FaultyClient(client);
        crashedClients.add(faulty);
        for (const verb of ['create', 'delete', 'patch'] as const) faulty.inject({ verb, nth, fault });
        const first = await run(keeper, faulty.client);
        await create(name, { count: '3' });
        const done = async () => (await outcome()).includes(`${name}=3`);
        await until(clock, async () => faulty.crashed || (await done()), { stepMs: 50 });
        if (faulty.crashed) {
          await first.stop({ graceMs: 0 });
          await run(keeper);
        }
        await until(clock, done, { stepMs: 50 });
        expect(await outcome()).toEqual(
          expect.arrayContaining([`${name}-0`, `${name}-1`, `${name}-2`, `${name}=3`]),
        );
        await client.patch(ConfigMap, { namespace, name }, { type: 'merge', body: { data: { count: '1' } } });
        await until(clock, async () => (await outcome()).includes(`${name}=1`), { stepMs: 50 });
        expect((await outcome()).filter((line) => line.startsWith(`${name}-`))).toEqual([`${name}-0`]);
        await Promise.all(runtimes.splice(0).map((runtime) => runtime.stop({ graceMs: 0 })));
      }
    },
  );

  test('reaches the same end although its caches are stale for a while', async () => {
    const faulty = new FaultyClient(client);
    await run(keeper, faulty.client);
    await create('a', { count: '2' });
    await until(clock, async () => (await outcome()).includes('a=2'));
    faulty.holdStreams();
    await client.delete(Secret, { namespace, name: 'a-1' });
    await client.patch(
      ConfigMap,
      { namespace, name: 'a' },
      { type: 'merge', body: { data: { count: '3' } } },
    );
    await clock.advance(5_000);
    expect(await outcome()).toEqual(['a-0', 'a=2']);
    faulty.releaseStreams();
    await until(clock, async () => (await outcome()).includes('a=3'));
    await until(clock, async () => (await outcome()).length === 4);
    expect(await outcome()).toEqual(['a-0', 'a-1', 'a-2', 'a=3']);
  });
});
