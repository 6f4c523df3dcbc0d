/** Three members: what a leader's death and a lost quorum look like from the store. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { seededRandom } from '../../api/meta/random.ts';
import { EtcdStore } from '../../api/store/etcd-store.ts';
import { TestEtcd } from '../kit/etcd.ts';
import { put, write } from './backend.ts';
import { checkHistory, recordClients } from './history-checker.ts';
import { eventually, gaps, tolerant } from './patience.ts';
import { WatchRecorder } from './watch-recorder.ts';

describe('the etcd store on three members', () => {
  let members: TestEtcd[];
  let store: EtcdStore;
  beforeAll(async () => {
    members = await TestEtcd.startCluster(3, { durable: true });
    const endpoints = members.map(({ endpoint }) => endpoint);
    store = new EtcdStore({ endpoints, clock: systemClock, logger: silentLogger });
  });
  afterAll(async () => {
    await store?.close();
    await Promise.all((members ?? []).map((member) => member.stop()));
  });

  test('the leader is killed: nothing acknowledged is lost, the watch goes on, the history is linearizable', async () => {
    const first = await write(store, put('start', ''));
    const recorder = new WatchRecorder();
    const watch = store.watch('', first + 1, recorder);
    const leader = (await leaderOf(members))!;
    const clients = recordClients(tolerant(store), { clients: 16, turns: 80, random: seededRandom(5) });
    await recorder.count(50);
    await leader.kill();
    const operations = await clients;
    const last = await eventually(() => write(store, put('key-0', 'end')));
    await recorder.count(last - first);
    watch.cancel();
    await leader.launch();
    expect(gaps(recorder.revisions, first + 1, last - first)).toEqual([]);
    expect(checkHistory(operations, recorder.events.slice(0, -1))).toEqual([]);
  });

  test('without a quorum calls end in an error in time, and everything goes on when it is back', async () => {
    const first = await eventually(() => write(store, put('before', '')));
    const recorder = new WatchRecorder();
    const watch = store.watch('', first, recorder);
    await recorder.count(1);
    const down = members.slice(1);
    await Promise.all(down.map((member) => member.kill()));
    const started = systemClock.monotonicMs();
    const outcome = await write(store, put('during', '')).catch((error: unknown) => error);
    const elapsedMs = systemClock.monotonicMs() - started;
    await expect(store.get('before')).rejects.toMatchObject({
      reason: expect.stringMatching(/^(Timeout|ServiceUnavailable)$/),
    });
    await Promise.all(down.map((member) => member.launch()));
    const last = await eventually(() => write(store, put('after', '')));
    await recorder.count(last - first + 1);
    watch.cancel();
    expect(outcome).toMatchObject({ reason: expect.stringMatching(/^(Timeout|ServiceUnavailable)$/) });
    expect(elapsedMs).toBeLessThan(2_500);
    expect(gaps(recorder.revisions, first, last - first + 1)).toEqual([]);
    expect(recorder.error).toBeUndefined();
  });
});

async function leaderOf(members: readonly TestEtcd[]): Promise<TestEtcd | undefined> {
  for (const member of members) if (await member.isLeader()) return member;
  return undefined;
}
