/** PodDisruptionBudgets are kept by everybody who ends tasks by choice, as Kubernetes keeps them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, addNode, jobDraft, jobs, TestServer, taskDraft, tasks } from './test-server.ts';

const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await addNode(server, 'n1', { cpu: '40', pods: '100' });
});
afterAll(() => server.close());

interface TaskFacts {
  job?: string;
  phase?: string;
  ready?: boolean;
}

async function run(
  app: string,
  index: number,
  { job, phase = 'Running', ready }: TaskFacts = {},
): Promise<string> {
  const name = `${app}-${index}-0`;
  const draft = taskDraft(name) as { metadata: object; spec: object };
  await server.post(tasks, {
    ...draft,
    metadata: { ...draft.metadata, labels: { app } },
    spec: { ...draft.spec, ...(job === undefined ? {} : { job }) },
  });
  await server.post('/apis/gantry.dev/v1/plans', { binds: [{ namespace: 'default', name, node: 'n1' }] });
  const conditions = ready === undefined ? [] : [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  await server.mergePatch(`${tasks}/${name}/status`, { status: { phase, conditions } });
  return name;
}

async function runAll(app: string, facts: readonly TaskFacts[]): Promise<string[]> {
  const names: string[] = [];
  for (const [index, each] of facts.entries()) names.push(await run(app, index, each));
  return names;
}

const budget = (app: string, spec: object): Promise<Answer> =>
  server.post(budgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: app },
    spec: { selector: { matchLabels: { app } }, ...spec },
  });

const evict = (name: string): Promise<Answer> =>
  server.post(
    `${tasks.replace('/apis/gantry.dev/v1', '/api/v1').replace('/tasks', '/pods')}/${name}/eviction`,
    {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name },
    },
  );

async function grantedOf(names: readonly string[]): Promise<number> {
  const answers = await Promise.all(names.map(evict));
  return answers.filter(({ status }) => status === 201).length;
}

const three = [{}, {}, {}];

describe('a budget', () => {
  it.each([
    ['minAvailable', { minAvailable: 2 }, 1],
    ['minAvailable 0', { minAvailable: 0 }, 3],
    ['more than there are', { minAvailable: 4 }, 0],
    ['neither bound', {}, 0],
    ['maxUnavailable over tasks of no job', { maxUnavailable: 1 }, 0],
  ])('of %s lets as many go as it can spare', async (what, spec, granted) => {
    const app = what.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
    const names = await runAll(app, three);
    await budget(app, spec);
    expect(await grantedOf(names)).toBe(granted);
  });

  it.each([
    ['maxUnavailable', { maxUnavailable: 1 }, 1],
    ['a share of minAvailable, rounded up', { minAvailable: '50%' }, 1],
    ['a share of maxUnavailable, rounded up', { maxUnavailable: '34%' }, 2],
  ])('over a job counts from how many tasks it wants: %s', async (what, spec, granted) => {
    const app = `job-${what.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}`;
    await server.post(jobs, jobDraft(app, { type: 'Service', replicas: 3 }));
    const names = await runAll(app, [{ job: app }, { job: app }, { job: app }]);
    await budget(app, spec);
    expect(await grantedOf(names)).toBe(granted);
  });

  it('refuses as the Kubernetes API server does', async () => {
    const [first = ''] = await runAll('words', three);
    await budget('words', { minAvailable: 3 });
    const { status, body, headers } = await evict(first);
    expect(status).toBe(429);
    expect(headers['retry-after']).toBeUndefined();
    expect(body).toMatchObject({
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget words needs 3 healthy pods and has 3 currently',
          },
        ],
      },
    });
  });

  it('lets tasks that do not run go, and those that are not ready while enough others are', async () => {
    const [, unready = '', pending = ''] = await runAll('ill', [{}, { ready: false }, { phase: 'Pending' }]);
    await budget('ill', { minAvailable: 1 });
    expect(await grantedOf([unready, pending])).toBe(2);
  });

  it('holds tasks that are not ready where too few are, unless it says that they may always go', async () => {
    const [first = '', second = ''] = await runAll('weak', [{ ready: false }, { ready: false }]);
    await budget('weak', { minAvailable: 1 });
    expect((await evict(first)).status).toBe(429);
    await server.mergePatch(`${budgets}/weak`, { spec: { unhealthyPodEvictionPolicy: 'AlwaysAllow' } });
    expect(await grantedOf([first, second])).toBe(2);
  });

  it('is kept beside others over the same task, and beside that of its job', async () => {
    const disruption = { maxUnavailable: 2 };
    await server.post(jobs, jobDraft('both', { type: 'Service', replicas: 3, disruption }));
    const names = await runAll('both', [{ job: 'both' }, { job: 'both' }, { job: 'both' }]);
    await budget('both', { minAvailable: 2 });
    expect(await grantedOf(names)).toBe(1);
  });

  it('is kept by plans that evict', async () => {
    const [first = '', second = ''] = await runAll('planned', [{}, {}]);
    await budget('planned', { minAvailable: 1 });
    await server.post(tasks, taskDraft('preemptor'));
    const evictions = [first, second].map((name) => ({ namespace: 'default', name }));
    const binds = [{ namespace: 'default', name: 'preemptor', node: 'n1', evictions }];
    const { body } = await server.post('/apis/gantry.dev/v1/plans', { binds });
    expect(body.binds[0].status).toMatchObject({ reason: 'TooManyRequests' });
  });

  it('of both bounds at once is refused, and so is one of a bound that is no count', async () => {
    expect((await budget('bad', { minAvailable: 1, maxUnavailable: 1 })).body.message).toMatch(/both set/);
    expect((await budget('bad', { minAvailable: 'some' })).status).toBe(422);
  });
});
