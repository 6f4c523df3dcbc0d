/** The whole scheduler against the production API server, in this process, on a virtual clock. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Event, Node, PriorityClass, Task } from '../../api/kinds/resources.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { conditionOf } from '../../api/meta/conditions.ts';
import type { ResourceList } from '../../api/meta/quantity.ts';
import type { Client } from '../../client/client.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import { type TestCluster, testCluster } from '../kit/cluster.ts';
import { type NodeWords, nodeOf, type TaskWords, taskOf } from './cell.ts';

const user = { name: 'system:gantry-scheduler', groups: ['system:gantry', 'system:authenticated'] };

let cluster: TestCluster;
let stops: (() => Promise<void>)[];

beforeEach(async () => {
  cluster = await testCluster();
  stops = [];
});

afterEach(async () => {
  const stopped = Promise.all(stops.map((stop) => stop()));
  let over = false;
  stopped.then(() => (over = true));
  await cluster.until(() => over);
  await cluster.stop();
});

async function startScheduler(name = 'default-scheduler', client?: Client): Promise<Scheduler> {
  const { clock, random } = cluster;
  const used = client ?? cluster.clientAs(user);
  const scheduler = new Scheduler({ client: used, name, clock, random });
  const abort = new AbortController();
  scheduler.watch();
  const led = scheduler.lead(used, abort.signal);
  stops.push(async () => {
    abort.abort();
    await led;
    await scheduler.stop();
  });
  return scheduler;
}

async function createNode(name: string, words: NodeWords = {}): Promise<void> {
  const { spec, metadata, status } = nodeOf(name, words);
  const created = await cluster.client.create(Node, { metadata, spec });
  await cluster.client.updateStatus(Node, { ...created, status });
}

async function createTask(name: string, words: TaskWords = {}): Promise<void> {
  const { metadata, spec } = taskOf(name, words);
  const { namespace = 'default', labels = {} } = metadata;
  await cluster.client.create(Task, { metadata: { namespace, name, labels }, spec });
}

const getTask = (name: string): Promise<Task> => cluster.client.get(Task, { namespace: 'default', name });
const nodeNameOf = async (name: string): Promise<string | undefined> => (await getTask(name)).spec.nodeName;

async function eventsOf(
  name: string,
): Promise<{ reason: string | undefined; message: string | undefined }[]> {
  const { items } = await cluster.client.list(Event, { namespace: 'default' });
  return items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => ({ reason, message }));
}

async function reportPhase(name: string, phase: Task['status']['phase']): Promise<void> {
  const body = { status: { phase } };
  await cluster.client.patch(
    Task,
    { namespace: 'default', name },
    { type: 'merge', body },
    { subresource: 'status' },
  );
}

const cpu = (amount: string): TaskWords => ({ requests: { cpu: amount, memory: '64Mi' } });
const small: ResourceList = { cpu: '2', memory: '4Gi', pods: '10' };

describe('binding', () => {
  it('binds a task, and says so in its condition and an event', async () => {
    await createNode('n1');
    await startScheduler();
    await createTask('web-0-0', cpu('100m'));
    await cluster.until(() => nodeNameOf('web-0-0'));
    expect(conditionOf((await getTask('web-0-0')).status.conditions, 'Scheduled')?.status).toBe('True');
    await cluster.until(async () => (await eventsOf('web-0-0')).length > 0);
    expect(await eventsOf('web-0-0')).toEqual([
      { reason: 'Scheduled', message: 'assigned default/web-0-0 to n1' },
    ]);
  });

  it('binds a burst in few calls and never over-commits', async () => {
    await createNode('n1', { allocatable: small });
    await createNode('n2', { allocatable: small });
    const client = cluster.clientAs(user);
    const calls: number[] = [];
    const commit = client.commit.bind(client);
    client.commit = (plan) => {
      calls.push(plan.binds.length);
      return commit(plan);
    };
    for (let index = 0; index < 30; index++) await createTask(`t${index}`, cpu('300m'));
    await startScheduler('default-scheduler', client);
    await cluster.until(() => calls.length > 0);
    await cluster.clock.advance(500);
    const { items } = await cluster.client.list(Task);
    const bound = items.filter(({ spec }) => spec.nodeName !== undefined);
    expect(bound.length).toBe(12);
    expect(calls).toEqual([12]);
    for (const node of ['n1', 'n2'])
      expect(bound.filter(({ spec }) => spec.nodeName === node).length).toBe(6);
  });

  it('leaves tasks of another scheduler alone', async () => {
    await createNode('n1');
    const scheduler = await startScheduler();
    await createTask('theirs', { schedulerName: 'mine' });
    await createTask('ours');
    await cluster.until(() => nodeNameOf('ours'));
    expect(await nodeNameOf('theirs')).toBeUndefined();
    expect(scheduler.queue.size).toBe(0);
  });

  it('two schedulers racing for the same room never over-commit, and every task that fits is bound', async () => {
    await createNode('n1', { allocatable: small });
    for (let index = 0; index < 10; index++) {
      await createTask(`a${index}`, cpu('300m'));
      await createTask(`b${index}`, { ...cpu('300m'), schedulerName: 'second' });
    }
    await Promise.all([startScheduler(), startScheduler('second')]);
    const boundCount = async (): Promise<number> =>
      (await cluster.client.list(Task)).items.filter(({ spec }) => spec.nodeName !== undefined).length;
    await cluster.until(async () => (await boundCount()) >= 6);
    await cluster.clock.advance(30_000);
    expect(await boundCount()).toBe(6);
  });

  it('a bind that fails is forgotten and tried again after its backoff', async () => {
    await createNode('n1', { allocatable: small });
    const client = cluster.clientAs(user);
    const commit = client.commit.bind(client);
    let failures = 2;
    client.commit = async (plan) => {
      if (failures-- > 0) throw new ApiError('ServiceUnavailable', 'no store');
      return commit(plan);
    };
    const scheduler = await startScheduler('default-scheduler', client);
    await createTask('t', cpu('2'));
    await cluster.until(() => nodeNameOf('t'));
    expect(scheduler.metrics).toMatchObject({ thrownAway: 2, bound: 1 });
  });
});

describe('preemption', () => {
  const inClass = (priorityClassName: string, amount: string): TaskWords => ({
    ...cpu(amount),
    priorityClassName,
  });
  const bothBound = async (): Promise<boolean> =>
    !!(await nodeNameOf('scrap-0')) && !!(await nodeNameOf('scrap-1'));
  const fullOfScrap = async (): Promise<Scheduler> => {
    await createNode('n1', { allocatable: small });
    const scheduler = await startScheduler();
    await createTask('scrap-0', inClass('best-effort', '1'));
    await createTask('scrap-1', inClass('best-effort', '1'));
    await cluster.until(bothBound);
    return scheduler;
  };
  /** What its node's agent does when the containers have stopped. */
  const stopped = (name: string): Promise<void> =>
    cluster.client.delete(Task, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  const isEnding = async (name: string): Promise<boolean> =>
    (await getTask(name)).metadata.deletionTimestamp !== undefined;

  it('a production task displaces best-effort ones, which get their grace period and the reason', async () => {
    await fullOfScrap();
    await createTask('web-0', inClass('production', '2'));
    await cluster.until(async () => (await isEnding('scrap-0')) && (await isEnding('scrap-1')));
    const victim = await getTask('scrap-0');
    expect(victim.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(victim.status).toMatchObject({
      reason: 'Preempted',
      message: 'preempted by default/web-0 on node n1',
    });
    expect(conditionOf(victim.status.conditions, 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'Preempted',
    });
    await cluster.until(async () => (await eventsOf('scrap-1')).some(({ reason }) => reason === 'Preempted'));
    const pending = await cluster.until(async () => (await getTask('web-0')).status.pending);
    expect(pending).toMatchObject({
      reason: 'Preempting',
      message: expect.stringContaining('room is being made on n1'),
    });
    await cluster.until(async () => (await eventsOf('web-0')).some(({ reason }) => reason === 'Preempting'));
    expect(await nodeNameOf('web-0')).toBeUndefined();
    await stopped('scrap-0');
    await cluster.clock.advance(3000);
    expect(await nodeNameOf('web-0')).toBeUndefined();
    await stopped('scrap-1');
    expect(await cluster.until(() => nodeNameOf('web-0'), { limitMs: 500 })).toBe('n1');
    expect((await getTask('web-0')).status.pending).toBeUndefined();
  });

  it('ends no more tasks than it needs, once each', async () => {
    const scheduler = await fullOfScrap();
    await createTask('web-0', inClass('production', '1'));
    await cluster.until(() => scheduler.metrics.evicted === 1);
    await cluster.clock.advance(10 * 60_000);
    expect(scheduler.metrics.evicted).toBe(1);
    expect([await isEnding('scrap-0'), await isEnding('scrap-1')].filter(Boolean).length).toBe(1);
  });

  it.each<[string, TaskWords]>([
    [
      'anti-affinity',
      {
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [
              { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'db' } } },
            ],
          },
        },
      },
    ],
    [
      'a spread',
      {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'kubernetes.io/hostname',
            whenUnsatisfiable: 'DoNotSchedule',
            nodeAffinityPolicy: 'Honor',
            nodeTaintsPolicy: 'Ignore',
            labelSelector: { matchLabels: { app: 'db' } },
          },
        ],
      },
    ],
  ])('a production task refused for %s takes the place of what it minds', async (_name, minds) => {
    const labels = { app: 'db' };
    await createNode('n1', { allocatable: small });
    const scheduler = await startScheduler();
    await createTask('scrap-0', { ...inClass('best-effort', '100m'), labels });
    await createTask('scrap-1', inClass('best-effort', '100m'));
    await cluster.until(bothBound);
    await createNode('n2', { allocatable: { ...small, pods: '0' } });
    await createTask('web-0', { ...inClass('production', '100m'), ...minds, labels });
    await cluster.until(() => isEnding('scrap-0'));
    await stopped('scrap-0');
    expect(await cluster.until(() => nodeNameOf('web-0'))).toBe('n1');
    expect([scheduler.metrics.evicted, await isEnding('scrap-1')]).toEqual([1, false]);
  });

  it('a class that never preempts waits', async () => {
    await cluster.client.create(PriorityClass, {
      metadata: { name: 'patient' },
      value: 250_000,
      preemptionPolicy: 'Never',
    });
    const scheduler = await fullOfScrap();
    await createTask('web-0', inClass('patient', '1'));
    await cluster.until(async () => (await getTask('web-0')).status.pending);
    await cluster.clock.advance(30_000);
    expect(scheduler.metrics.evicted).toBe(0);
  });

  it('the room of a preemptor that is deleted goes to others', async () => {
    const scheduler = await fullOfScrap();
    await createTask('web-0', inClass('production', '2'));
    await cluster.until(() => scheduler.metrics.evicted === 2);
    await cluster.client.delete(Task, { namespace: 'default', name: 'web-0' });
    await stopped('scrap-0');
    await stopped('scrap-1');
    await createTask('scrap-2', inClass('best-effort', '2'));
    expect(await cluster.until(() => nodeNameOf('scrap-2'))).toBe('n1');
  });

  it('a task that waits gets the room of a preemptor that is deleted', async () => {
    const scheduler = await fullOfScrap();
    await createTask('web-0', inClass('production', '2'));
    await cluster.until(() => scheduler.metrics.evicted === 2);
    await createTask('scrap-2', inClass('best-effort', '1'));
    await cluster.until(async () => (await getTask('scrap-2')).status.pending);
    await stopped('scrap-0');
    await cluster.clock.advance(2000);
    await cluster.client.delete(Task, { namespace: 'default', name: 'web-0' });
    expect(await cluster.until(() => nodeNameOf('scrap-2'), { limitMs: 2000 })).toBe('n1');
  });

  it('victims that cannot be ended are left alone, and the preemptor tries again', async () => {
    await createNode('n1', { allocatable: small });
    const client = cluster.clientAs(user);
    const commit = client.commit.bind(client);
    let refusals = 2;
    client.commit = async (plan) => {
      if (plan.binds.some(({ evictions }) => evictions) && refusals-- > 0)
        throw new ApiError('ServiceUnavailable', 'no store');
      return commit(plan);
    };
    const scheduler = await startScheduler('default-scheduler', client);
    await createTask('scrap-0', inClass('best-effort', '2'));
    await cluster.until(() => nodeNameOf('scrap-0'));
    await createTask('web-0', inClass('production', '2'));
    await cluster.until(() => scheduler.metrics.evicted === 1);
    await stopped('scrap-0');
    expect(await cluster.until(() => nodeNameOf('web-0'))).toBe('n1');
  });
});

describe('pending tasks', () => {
  it('a task larger than any node is pending with the reason and the closest node', async () => {
    await createNode('n1', { allocatable: small });
    await createNode('n2', { allocatable: { ...small, cpu: '4' } });
    await createNode('n3', { cordoned: true });
    await startScheduler();
    await createTask('huge', cpu('6'));
    const pending = await cluster.until(async () => (await getTask('huge')).status.pending);
    expect(pending).toMatchObject({
      reason: 'Unschedulable',
      message:
        '0/3 nodes are available: 2 insufficient cpu, 1 cordoned; closest n2 needs 2 more cpu (6 asked, 4 in all)',
      nodes: {
        total: 3,
        rejected: [
          { filter: 'NodeResourcesFit', reason: 'insufficient cpu', count: 2 },
          { filter: 'NodeUnschedulable', reason: 'cordoned', count: 1 },
        ],
      },
      closest: { node: 'n2', short: { cpu: '2' } },
    });
    expect(conditionOf((await getTask('huge')).status.conditions, 'Scheduled')).toMatchObject({
      status: 'False',
      reason: 'Unschedulable',
    });
    await cluster.until(async () => (await eventsOf('huge')).length > 0);
    expect(await eventsOf('huge')).toEqual([{ reason: 'FailedScheduling', message: pending.message }]);
  });

  it('the same reason found again is not written again', async () => {
    await createNode('n1', { allocatable: small });
    await startScheduler();
    await createTask('huge', cpu('6'));
    await cluster.until(async () => (await getTask('huge')).status.pending);
    const { resourceVersion } = (await getTask('huge')).metadata;
    await cluster.clock.advance(11 * 60_000);
    expect((await getTask('huge')).metadata.resourceVersion).toBe(resourceVersion);
  });

  it('a cluster without nodes is the reason, until the first one comes', async () => {
    await startScheduler();
    await createTask('early', cpu('1'));
    const pending = await cluster.until(async () => (await getTask('early')).status.pending);
    expect(pending).toMatchObject({ reason: 'NoNodes', message: 'the cluster has no nodes' });
    await createNode('n1');
    await cluster.until(() => nodeNameOf('early'));
    expect((await getTask('early')).status.pending).toBeUndefined();
  });
});

describe('wake-ups', () => {
  const full = async (): Promise<Scheduler> => {
    await createNode('n1', { allocatable: small });
    const scheduler = await startScheduler();
    await createTask('first', cpu('2'));
    await cluster.until(() => nodeNameOf('first'));
    await createTask('second', cpu('2'));
    await cluster.until(async () => (await getTask('second')).status.pending);
    await cluster.clock.advance(2000);
    return scheduler;
  };
  const boundSoon = (name: string): Promise<string> =>
    cluster.until(() => nodeNameOf(name), { limitMs: 500 });

  it.each(['Succeeded', 'Failed'] as const)('a task that has %s makes room', async (phase) => {
    await full();
    await reportPhase('first', phase);
    expect(await boundSoon('second')).toBe('n1');
  });

  it('a task that is deleted makes room', async () => {
    await full();
    await cluster.client.delete(Task, { namespace: 'default', name: 'first' }, { gracePeriodSeconds: 0 });
    expect(await boundSoon('second')).toBe('n1');
  });

  it('a task that is being stopped makes none yet', async () => {
    await full();
    await cluster.client.delete(Task, { namespace: 'default', name: 'first' });
    await cluster.clock.advance(5000);
    expect(await nodeNameOf('second')).toBeUndefined();
  });

  it('a new node wakes', async () => {
    await full();
    await createNode('n2', { allocatable: small });
    expect(await cluster.until(() => nodeNameOf('second'), { limitMs: 3000 })).toBe('n2');
  });

  it('an uncordoned node wakes', async () => {
    await createNode('n1', { cordoned: true });
    await startScheduler();
    await createTask('t');
    await cluster.until(async () => (await getTask('t')).status.pending);
    await cluster.clock.advance(2000);
    await cluster.client.patch(
      Node,
      { name: 'n1' },
      { type: 'merge', body: { spec: { unschedulable: null } } },
    );
    expect(await boundSoon('t')).toBe('n1');
  });

  it('a deleted task that waits is never bound', async () => {
    const scheduler = await full();
    await cluster.client.delete(Task, { namespace: 'default', name: 'second' });
    await cluster.until(() => scheduler.queue.size === 0);
    await reportPhase('first', 'Succeeded');
    await cluster.clock.advance(1000);
    expect(scheduler.metrics.bound).toBe(1);
  });
});
