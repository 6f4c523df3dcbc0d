/** Voluntary disruption keeps to the budgets of jobs. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addNode, jobDraft, jobs, TestServer, taskDraft, tasks } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  await addNode(server, 'n1', { cpu: '4', pods: '20' });
  await server.post(
    jobs,
    jobDraft('web', { type: 'Service', replicas: 4, disruption: { maxUnavailable: 1 } }),
  );
  for (const index of [0, 1, 2, 3]) await serve(`web-${index}-0`);
});
afterAll(() => server.close());

async function serve(name: string): Promise<void> {
  const draft = taskDraft(name) as { spec: object };
  await server.post(tasks, { ...draft, spec: { ...draft.spec, job: 'web' } });
  await server.post('/apis/gantry.dev/v1/plans', { binds: [{ namespace: 'default', name, node: 'n1' }] });
  await server.mergePatch(`${tasks}/${name}/status`, { status: { phase: 'Running' } });
}

const evict = (name: string) =>
  server.post(`${tasks}/${name}/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } });

it('of many evictions at once, as many are granted as the job can spare', async () => {
  const answers = await Promise.all([0, 1, 2, 3].map((index) => evict(`web-${index}-0`)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 429, 429, 429]);
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.body).toMatchObject({
    reason: 'TooManyRequests',
    message: expect.stringContaining('would violate the disruption budget of job web: 3 of 4 tasks serve'),
    details: { causes: [{ reason: 'DisruptionBudget' }] },
  });
});

it('when the one that was evicted is replaced, the next may go', async () => {
  await serve('web-9-0');
  const answers = await Promise.all([0, 1, 2, 3].map((index) => evict(`web-${index}-0`)));
  expect(answers.map(({ status }) => status).filter((status) => status === 201).length).toBe(2);
});

it('a task of no budget, or that does not serve, may always go', async () => {
  await server.post(tasks, taskDraft('alone'));
  expect((await evict('alone')).status).toBe(201);
  await server.post(tasks, { ...(taskDraft('web-7-0') as object) });
  expect((await evict('web-7-0')).status).toBe(201);
});
