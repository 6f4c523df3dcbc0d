import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMap, Event } from '../../api/kinds/resources.ts';
import type { VirtualClock } from '../../api/meta/clock.ts';
import type { Client } from '../../client/client.ts';
import { EventRecorder } from '../../client/event-recorder.ts';
import { FaultyClient, settle, until } from '../../client/testing/index.ts';
import { clusters, type TestCluster } from './clusters.ts';

const namespace = 'default';
const made = { type: 'Normal', reason: 'Made', message: 'made it' } as const;

describe.each(clusters)('an event recorder on $name', ({ make }) => {
  let cluster: TestCluster;
  let clock: VirtualClock;
  let client: Client;
  let faulty: FaultyClient;
  let recorder: EventRecorder;
  let object: ConfigMap;

  const recorderOver = (through: Client): EventRecorder =>
    new EventRecorder({ client: through, component: 'tester', clock }).start();

  beforeEach(async () => {
    cluster = await make();
    ({ client, clock } = cluster);
    object = await client.create(ConfigMap, { metadata: { namespace, name: 'thing' } });
    faulty = new FaultyClient(client);
    recorder = recorderOver(faulty.client);
  });

  afterEach(async () => {
    const stopped = recorder.stop();
    await clock.advance(2_000);
    await stopped;
    await cluster.stop();
  });

  const events = async (): Promise<Event[]> => (await client.list(Event, { namespace })).items;

  test('writes an event that describe finds', async () => {
    recorder.record(object, made);
    await settle(clock, [recorder]);
    const [event] = await events();
    expect(event).toMatchObject({
      involvedObject: { kind: 'ConfigMap', namespace, name: 'thing', uid: object.metadata.uid },
      ...made,
      source: { component: 'tester' },
      count: 1,
    });
    expect(event!.metadata.name).toMatch(/^thing\.[0-9a-f]{16}$/);
  });

  test('counts what is said again instead of saying it again', async () => {
    for (let i = 0; i < 5; i++) {
      recorder.record(object, made);
      await clock.advance(5_000);
    }
    recorder.record(object, { ...made, message: 'something else' });
    await settle(clock, [recorder]);
    const all = await events();
    expect(all.map(({ count }) => count).sort()).toEqual([1, 5]);
    const counted = all.find(({ count }) => count === 5)!;
    expect(Date.parse(counted.lastTimestamp!) - Date.parse(counted.firstTimestamp!)).toBe(20_000);
  });

  test('collapses a burst into few writes', async () => {
    for (let i = 0; i < 20; i++) recorder.record(object, made);
    await settle(clock, [recorder]);
    expect((await events()).map(({ count }) => count)).toEqual([20]);
    expect(faulty.calls.length).toBeLessThanOrEqual(2);
  });

  test('goes on counting what an earlier process said', async () => {
    recorder.record(object, made);
    recorder.record(object, made);
    await settle(clock, [recorder]);
    const next = recorderOver(client);
    next.record(object, made);
    await settle(clock, [next]);
    expect((await events()).map(({ count }) => count)).toEqual([3]);
    next.record(object, made);
    await settle(clock, [next]);
    expect((await events()).map(({ count }) => count)).toEqual([4]);
    await next.stop();
  });

  test('begins a new count when the event has expired on the server', async () => {
    recorder.record(object, made);
    await settle(clock, [recorder]);
    const [old] = await events();
    await client.delete(Event, { namespace, name: old!.metadata.name });
    recorder.record(object, made);
    await settle(clock, [recorder]);
    expect((await events()).map(({ count }) => count)).toEqual([1]);
  });

  test('tells many similar things as one, with a count, and others speak', async () => {
    const other = await client.create(ConfigMap, { metadata: { namespace, name: 'quiet' } });
    for (let i = 1; i <= 20; i++) recorder.record(object, { ...made, message: `number ${i}` });
    recorder.record(other, made);
    await settle(clock, [recorder]);
    const all = await events();
    expect(all.length).toBe(11);
    const [combined] = all.filter(({ count }) => count !== 1);
    expect(combined).toMatchObject({
      message: '(combined from similar events): number 20',
      reason: 'Made',
      count: 11,
    });
  });

  test('tells similar things one by one again after ten quiet minutes', async () => {
    for (let i = 1; i <= 12; i++) recorder.record(object, { ...made, message: `number ${i}` });
    await settle(clock, [recorder]);
    await clock.advance(600_001);
    recorder.record(object, { ...made, message: 'much later' });
    await settle(clock, [recorder]);
    expect((await events()).map(({ message }) => message)).toContain('much later');
  });

  test('writes only so much of one object, and catches up with the count', async () => {
    const say = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        recorder.record(object, made);
        await settle(clock, [recorder]);
      }
    };
    const count = async (): Promise<number | undefined> => (await events())[0]?.count;
    await say(100);
    expect(await count()).toBe(25);
    expect([recorder.recorded, recorder.dropped]).toEqual([25, 75]);
    await clock.advance(300_000);
    await say(1);
    expect(await count()).toBe(101);
  });

  test('lets no more wait than it can hold', () => {
    const idle = new EventRecorder({ client, component: 'tester', clock });
    const named = (name: string) => ({ ...object, metadata: { ...object.metadata, name, uid: name } });
    for (let i = 0; i < 5000; i++) idle.record(named(`thing-${i}`), made);
    expect([idle.recorded, idle.dropped]).toEqual([4096, 904]);
  });

  test('tries again while the server is away, and gives up in the end', async () => {
    faulty.inject({ fault: 'unavailable', times: 3 });
    recorder.record(object, made);
    await until(clock, async () => (await events()).length === 1);
    faulty.inject({ fault: 'unavailable', times: 1_000 });
    recorder.record(object, { ...made, reason: 'Lost' });
    await clock.advance(300_000);
    expect(recorder.dropped).toBe(1);
    expect(clock.pendingTimers).toBeLessThan(20);
  });

  test('makes no second event when the answer to the first write got lost', async () => {
    faulty.inject({ verb: 'create', fault: 'lostAnswer' });
    recorder.record(object, made);
    await clock.advance(5_000);
    expect(await events()).toHaveLength(1);
  });

  test('writes what is left before it stops', async () => {
    recorder.record(object, made);
    await recorder.stop();
    expect(await events()).toHaveLength(1);
    recorder.record(object, { ...made, reason: 'TooLate' });
    await clock.advance(1_000);
    expect(await events()).toHaveLength(1);
  });

  test('cuts an endless message', async () => {
    recorder.record(object, { ...made, message: 'x'.repeat(100_000) });
    await settle(clock, [recorder]);
    expect((await events())[0]!.message).toHaveLength(1024);
  });
});
