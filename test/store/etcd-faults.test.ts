/**
 * Points 13, 16 and 17 on real etcd: lost connections, lost answers, a frozen and a killed server. The
 * last part shows that the same checks catch what etcd3's own watcher and retries do.
 */
import { Etcd3 } from 'etcd3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { seededRandom } from '../../api/meta/random.ts';
import { EtcdStore } from '../../api/store/etcd-store.ts';
import type { Revision, Store } from '../../api/store/store.ts';
import { TestEtcd } from '../kit/etcd.ts';
import { FaultProxy } from '../kit/fault-proxy.ts';
import { freePorts } from '../kit/free-port.ts';
import { compareAndPut, put, write } from './backend.ts';
import { checkHistory, recordClients } from './history-checker.ts';
import { eventually, gaps, tolerant, untilExists } from './patience.ts';
import { WatchRecorder } from './watch-recorder.ts';

let etcd: TestEtcd;
let proxy: FaultProxy;
let prefix: string;
/** Straight to etcd, and through the proxy. */
let direct: Store;
let store: Store;
let tests = 0;

beforeAll(async () => {
  etcd = await TestEtcd.start({ durable: true });
});
afterAll(() => etcd?.stop());

beforeEach(async () => {
  prefix = `/faults-${tests++}/`;
  proxy = await FaultProxy.start(etcd.endpoint);
  direct = open(etcd.endpoint);
  store = open(proxy.endpoint);
});
afterEach(async () => {
  await store.close();
  await direct.close();
  await proxy.stop();
});

function open(...endpoints: string[]): EtcdStore {
  return new EtcdStore({ endpoints, prefix, clock: systemClock, logger: silentLogger });
}

/** So many revisions of one key; returns the first. */
async function writeHistory(count: number): Promise<Revision> {
  const revisions: Revision[] = [];
  for (let at = 0; at < count; at += 100) {
    const group = Array.from({ length: 100 }, () => write(direct, put('k', 'x'.repeat(300))));
    revisions.push(...(await Promise.all(group)));
  }
  return Math.min(...revisions);
}

describe('a watch on etcd', () => {
  test('cut again and again while it catches up loses and repeats nothing', async () => {
    const count = 4_000;
    const first = await writeHistory(count);
    const recorder = new WatchRecorder();
    const keep = recorder.onEvents.bind(recorder);
    recorder.onEvents = (events, revision) => {
      keep(events, revision);
      if (proxy.cuts < 5) proxy.cutAfter(100_000);
    };
    proxy.cutAfter(450_000);
    const watch = store.watch('', first, recorder);
    await recorder.count(count);
    watch.cancel();
    expect(proxy.cuts).toBeGreaterThan(2);
    expect(gaps(recorder.revisions, first, count)).toEqual([]);
    expect(recorder.events).toHaveLength(count);
  });

  test('cut while live goes on where it was', async () => {
    const recorder = new WatchRecorder();
    const { revision } = await direct.list('');
    const watch = store.watch('', revision + 1, recorder);
    for (let at = 0; at < 200; at++) {
      await write(direct, put('k', String(at)));
      if (at % 50 === 25) proxy.cut();
    }
    await recorder.count(200);
    watch.cancel();
    expect(gaps(recorder.revisions, revision + 1, 200)).toEqual([]);
  });

  test('that misses a compaction while disconnected is Expired', async () => {
    const recorder = new WatchRecorder();
    const first = await write(direct, put('k', '0'));
    store.watch('', first, recorder);
    await recorder.count(1);
    await proxy.refuse();
    await write(direct, put('k', '1'));
    const compacted = await write(direct, put('k', '2'));
    await direct.compact(compacted);
    await proxy.accept();
    await recorder.ended();
    expect(recorder.error).toMatchObject({
      reason: 'Expired',
      message: expect.stringContaining(String(compacted)),
    });
    expect(recorder.log).toEqual(['put k=0']);
  });

  test('does not outlive its etcd: one with less history behind the same address is Expired', async () => {
    const other = await TestEtcd.start();
    const recorder = new WatchRecorder();
    const moving = await FaultProxy.start(etcd.endpoint);
    const client = open(moving.endpoint);
    const first = await write(direct, put('k', '0'));
    client.watch('', first, recorder);
    await recorder.count(1);
    moving.retarget(other.endpoint);
    moving.cut();
    await recorder.ended();
    expect(recorder.error).toMatchObject({ reason: 'Expired' });
    await client.close();
    await moving.stop();
    await other.stop();
  });
});

describe('a write to etcd', () => {
  test('whose answer is lost is a Timeout, happened once, and the store goes on', async () => {
    await compareAndPut(store, 'warm', 0, 'up');
    proxy.dropResponses(true);
    const lost = compareAndPut(store, 'k', 0, 'mine');
    await expect(lost).rejects.toMatchObject({ reason: 'Timeout' });
    proxy.dropResponses(false);
    proxy.cut();
    const { kv } = await direct.get('k');
    expect(kv).toMatchObject({ version: 1, value: Buffer.from('mine') });
    expect(await compareAndPut(store, 'k', kv!.modRevision, 'next')).toMatchObject({ succeeded: true });
  });

  test('whose connection breaks before the answer is a Timeout and happened at most once', async () => {
    await compareAndPut(store, 'warm', 0, 'up');
    proxy.dropResponses(true);
    const lost = write(store, put('k', 'mine')).catch((error: unknown) => error);
    await untilExists(direct, 'k');
    proxy.cut();
    proxy.dropResponses(false);
    expect(await lost).toMatchObject({ reason: 'Timeout' });
    expect((await direct.get('k')).kv).toMatchObject({ version: 1 });
  });

  test('that cannot be sent is ServiceUnavailable, and goes through as soon as etcd is back', async () => {
    await proxy.refuse();
    await expect(write(store, put('k', '1'))).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await expect(store.get('k')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    expect((await direct.get('k')).kv).toBeUndefined();
    await proxy.accept();
    const started = systemClock.monotonicMs();
    await eventually(() => write(store, put('k', '1')));
    expect(systemClock.monotonicMs() - started).toBeLessThan(3_000);
  });

  test('goes to another member when the first cannot be reached', async () => {
    const [nobody] = await freePorts(1);
    const two = open(`127.0.0.1:${nobody}`, etcd.endpoint);
    expect(await write(two, put('k', '1'))).toBeGreaterThan(0);
    await two.close();
  });

  test('in a burst of thousands is acknowledged or not sent at all', async () => {
    const keys = Array.from({ length: 3_000 }, (_, at) => `burst/${String(at).padStart(4, '0')}`);
    const outcomes = await Promise.allSettled(keys.map((key) => write(store, put(key, 'x'))));
    const reasons = new Set(
      outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.reason),
    );
    reasons.delete(false);
    const { items } = await direct.list('burst/');
    const acknowledged = keys.filter((_, at) => outcomes[at]?.status === 'fulfilled');
    expect(items.map(({ key }) => key)).toEqual(acknowledged);
    expect([...reasons].filter((reason) => reason !== 'ServiceUnavailable')).toEqual([]);
  });

  test('and a read to a frozen etcd end in Timeout within the deadline', async () => {
    await write(store, put('k', '1'));
    await etcd.pause();
    const started = systemClock.monotonicMs();
    const outcomes = await Promise.allSettled([write(store, put('k', '2')), store.get('k')]);
    const elapsedMs = systemClock.monotonicMs() - started;
    etcd.resume();
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { reason: 'Timeout' } });
    expect(elapsedMs).toBeLessThan(2_500);
    await eventually(() => store.get('k'));
  });
});

describe('a lease on etcd', () => {
  test('is kept alive on a new stream when the old one broke', async () => {
    const leaseId = await store.grantLease(60);
    expect(await store.keepLeaseAlive(leaseId)).toBe(true);
    proxy.cut();
    expect(await eventually(() => store.keepLeaseAlive(leaseId))).toBe(true);
    proxy.dropResponses(true);
    await expect(store.keepLeaseAlive(leaseId)).rejects.toMatchObject({ reason: 'Timeout' });
    proxy.dropResponses(false);
    proxy.cut();
    expect(await eventually(() => store.keepLeaseAlive(leaseId))).toBe(true);
  });

  test('asked about many times at once gets every answer', async () => {
    const leases = await Promise.all(Array.from({ length: 20 }, () => store.grantLease(60)));
    const asked = [...leases, ...leases, 4711].map((leaseId) => store.keepLeaseAlive(leaseId));
    expect(await Promise.all(asked)).toEqual([...leases.map(() => true), ...leases.map(() => true), false]);
  });
});

describe('etcd killed during writes', () => {
  test('loses no acknowledged revision, and a watch across it sees each once', async () => {
    const { revision } = await direct.list('');
    const recorder = new WatchRecorder();
    const watch = store.watch('', revision + 1, recorder);
    const acknowledged = new Map<Revision, string>();
    let isOver = false;
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let turn = 0; !isOver; turn++) {
        const value = `${writer}-${turn}`;
        await write(direct, put(`w/${writer}`, value)).then(
          (at) => acknowledged.set(at, value),
          // Refused or unknown: what counts is what was acknowledged.
          () => undefined,
        );
      }
    });
    for (let round = 1; round <= 2; round++) {
      await recorder.count(round * 800);
      await etcd.kill();
      await etcd.launch();
    }
    await recorder.count(2_400);
    isOver = true;
    await Promise.all(writers);
    const last = await eventually(() => write(direct, put('last', '')));
    await recorder.count(last - revision);
    watch.cancel();
    expect(gaps(recorder.revisions, revision + 1, last - revision)).toEqual([]);
    const seen = new Map(
      recorder.events.map((event) =>
        event.type === 'put' ? [event.kv.modRevision, `${event.kv.value}`] : [0, ''],
      ),
    );
    expect(acknowledged.size).toBeGreaterThan(1_000);
    expect([...acknowledged].filter(([at, value]) => seen.get(at) !== value)).toEqual([]);
  });

  test('16 clients whose connections are cut make a linearizable history', async () => {
    const { revision } = await direct.list('');
    const recorder = new WatchRecorder();
    const watch = direct.watch('', revision + 1, recorder);
    const cutEvery = 40;
    const { onEvents } = recorder;
    let untilCut = cutEvery;
    recorder.onEvents = (events, at) => {
      onEvents.call(recorder, events, at);
      untilCut -= events.length;
      if (untilCut > 0) return;
      untilCut = cutEvery;
      proxy.cut();
    };
    const operations = await recordClients(tolerant(store), {
      clients: 16,
      turns: 60,
      random: seededRandom(3),
    });
    const last = await write(direct, put('key-0', 'end'));
    await recorder.count(last - revision);
    watch.cancel();
    const unknown = operations.filter(({ succeeded, revision: at }) => succeeded && at === undefined);
    expect(proxy.cuts).toBeGreaterThan(2);
    expect(unknown.length).toBeGreaterThan(0);
    expect(checkHistory(operations, recorder.events.slice(0, -1))).toEqual([]);
  });
});

describe('etcd3 as it ships fails these checks', () => {
  test('its watcher loses events when it is cut while catching up', async () => {
    const count = 3_000;
    const first = await writeHistory(count);
    const client = new Etcd3({ hosts: proxy.endpoint });
    proxy.cutAfter(600_000);
    const seen: Revision[] = [];
    const sentinel = new Promise<void>((resolve) => {
      void client
        .watch()
        .prefix(prefix)
        .startRevision(String(first))
        .create()
        .then((watcher) =>
          watcher.on('put', (kv) => {
            seen.push(Number(kv.mod_revision));
            if (kv.key.toString().endsWith('/sentinel')) resolve();
          }),
        );
    });
    await eventually(async () => {
      if (proxy.connections < 2) throw new Error('not reconnected yet');
    });
    await write(direct, put('sentinel', ''));
    await sentinel;
    client.close();
    expect(proxy.cuts).toBe(1);
    expect(gaps(seen, first, count).length).toBeGreaterThan(500);
  });

  test('its retries tell the winner of a compare-and-swap that it lost', async () => {
    const client = new Etcd3({ hosts: proxy.endpoint });
    const key = Buffer.from(`${prefix}k`);
    await client.kv.range({ key });
    proxy.dropResponses(true);
    const outcome = client.kv.txn({
      compare: [{ key, target: 'Mod', result: 'Equal', mod_revision: '0' }],
      success: [{ request_put: { key, value: Buffer.from('mine') } }],
      failure: [],
    });
    await untilExists(direct, 'k');
    proxy.dropResponses(false);
    proxy.cut();
    expect((await outcome).succeeded).toBe(false);
    expect((await direct.get('k')).kv?.value.toString()).toBe('mine');
    client.close();
  });
});
