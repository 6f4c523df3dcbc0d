/** Voluntary disruption keeps to the budgets of jobs, through however many servers it comes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import type { Store } from '../../../api/store/store.ts';
import { stores } from '../../kit/stores.ts';
import { type Answer, addNode, jobDraft, jobs, TestServer, taskDraft, tasks } from './test-server.ts';

async function serve(server: TestServer, name: string, job: string): Promise<void> {
  const draft = taskDraft(name) as { spec: object };
  await server.post(tasks, { ...draft, spec: { ...draft.spec, job } });
  await server.post('/apis/gantry.dev/v1/plans', { binds: [{ namespace: 'default', name, node: 'n1' }] });
  await server.mergePatch(`${tasks}/${name}/status`, { status: { phase: 'Running' } });
}

async function serveJob(server: TestServer, name: string, replicas: number): Promise<string[]> {
  await server.post(jobs, jobDraft(name, { type: 'Service', replicas, disruption: { maxUnavailable: 1 } }));
  const members = Array.from({ length: replicas }, (_, index) => `${name}-${index}-0`);
  for (const member of members) await serve(server, member, name);
  return members;
}

const evict = (server: TestServer, name: string): Promise<Answer> =>
  server.post(`${tasks}/${name}/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } });

const statusesOf = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status).sort();

describe('one server', () => {
  let server: TestServer;
  let members: string[];
  beforeAll(async () => {
    server = await TestServer.start();
    await addNode(server, 'n1', { cpu: '4', pods: '20' });
    members = await serveJob(server, 'web', 4);
  });
  afterAll(() => server.close());

  it('grants as many of many evictions at once as the job can spare', async () => {
    const answers = await Promise.all(members.map((name) => evict(server, name)));
    expect(statusesOf(answers)).toEqual([201, 429, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({
      reason: 'TooManyRequests',
      message: expect.stringContaining('would violate the disruption budget of job web: 3 of 4 tasks serve'),
      details: { causes: [{ reason: 'DisruptionBudget' }] },
    });
  });

  it('lets the next go when the one that was evicted is replaced', async () => {
    await serve(server, 'web-9-0', 'web');
    const answers = await Promise.all(members.map((name) => evict(server, name)));
    expect(answers.filter(({ status }) => status === 201).length).toBe(2);
  });

  it('lets a task of no budget, or that does not serve, go at any time', async () => {
    await server.post(tasks, taskDraft('alone'));
    expect((await evict(server, 'alone')).status).toBe(201);
    await server.post(tasks, { ...(taskDraft('web-7-0') as object) });
    expect((await evict(server, 'web-7-0')).status).toBe(201);
  });

  it('evicts nobody when it is only asked whether it would', async () => {
    const [first = ''] = await serveJob(server, 'dry', 2);
    const url = `${tasks}/${first}/eviction`;
    const body = { metadata: { name: first }, deleteOptions: { dryRun: ['All'] } };
    expect((await server.post(url, body)).status).toBe(201);
    expect((await server.get(`${tasks}/${first}`)).body.metadata.deletionTimestamp).toBeUndefined();
  });
});

describe('a plan with evictions', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
    await addNode(server, 'n1', { cpu: '4', pods: '20' });
  });
  afterAll(() => server.close());

  async function preempt(victims: readonly string[], overridesBudget?: boolean): Promise<string | undefined> {
    const name = `preemptor-of-${victims.join('-')}`;
    await server.post(tasks, taskDraft(name));
    const evictions = victims.map((victim) => ({ namespace: 'default', name: victim, overridesBudget }));
    const binds = [{ namespace: 'default', name, node: 'n1', evictions }];
    const { body } = await server.post('/apis/gantry.dev/v1/plans', { binds });
    return body.binds[0].status?.reason;
  }

  it('evicts whom the budget can spare, and all of them or none', async () => {
    const [first = '', second = '', third = ''] = await serveJob(server, 'web', 4);
    expect(await preempt([first, second])).toBe('TooManyRequests');
    expect((await server.get(`${tasks}/${first}`)).body.metadata.deletionTimestamp).toBeUndefined();
    expect(await preempt([first])).toBeUndefined();
    expect(await preempt([third])).toBe('TooManyRequests');
  });

  it('overrides the budget when it says so, and counts against it', async () => {
    const [first = '', second = '', third = ''] = await serveJob(server, 'db', 3);
    expect(await preempt([first, second], true)).toBeUndefined();
    expect((await evict(server, third)).status).toBe(429);
  });
});

/** Its evictions are written late, so that those of other servers are decided meanwhile. */
function hesitant(store: Store): Store {
  const transact: Store['transact'] = async (transaction) => {
    const isEviction = transaction.operations.some(({ key }) => key.startsWith('/registry/disruptions/'));
    if (isEviction) await sleep(systemClock, 5);
    return store.transact(transaction);
  };
  return new Proxy(store, {
    get: (target, name) => (name === 'transact' ? transact : Reflect.get(target, name).bind(target)),
  });
}

describe.each(stores)('two servers over one store (%s)', (_name, open) => {
  it('never evict more than the budget can spare, together', async () => {
    const { store, stop } = await open();
    const servers = [hesitant(store), hesitant(store)].map((each) => new TestServer({ store: each }));
    const [left, right] = servers as [TestServer, TestServer];
    for (const { server } of servers) await server.start();
    await addNode(left, 'n1', { cpu: '40', pods: '200' });
    for (let round = 0; round < 10; round++) {
      const members = await serveJob(left, `race-${round}`, 4);
      const drains = members.map((name, index) => evict(servers[index % 2]!, name));
      const plan = right.post('/apis/gantry.dev/v1/plans', {
        mode: 'AllOrNothing',
        evictions: [{ namespace: 'default', name: members[3] }],
      });
      const granted = (await Promise.all(drains)).filter(({ status }) => status === 201).length;
      await plan;
      const { body } = await left.get(`${tasks}?fieldSelector=spec.job=race-${round}`);
      const ending = body.items.filter((task: { metadata: object }) => 'deletionTimestamp' in task.metadata);
      expect(ending.length).toBe(1);
      expect(granted).toBeLessThanOrEqual(1);
    }
    for (const { server } of servers) await server.close();
    await store.close();
    await stop();
  });
});
