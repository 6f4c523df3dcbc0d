/** The job controller on the real API server: what a user sees, and what survives a controller killed between two writes. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Event, Job, Task } from '../../../api/kinds/resources.ts';
import { isConditionTrue } from '../../../api/meta/conditions.ts';
import type { Client } from '../../../client/client.ts';
import { type Fault, FaultyClient } from '../../../client/testing/index.ts';
import { ControlPlane } from '../control-plane.ts';

const web = { namespace: 'default', name: 'web' };
const eventually = { timeout: 8_000, interval: 20 };
const containers = [{ name: 'main', command: ['sleep', '1d'] }];

let plane: ControlPlane;

beforeEach(async () => {
  plane = await ControlPlane.start();
  await plane.addNode('n1');
});

afterEach(() => plane.stop());

async function createJob(spec: Record<string, unknown>): Promise<Job> {
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers } };
  return plane.client.create(Job, { metadata: { ...web }, spec: { template, ...spec } as never });
}

async function expectTasks(...names: string[]): Promise<void> {
  await vi.waitFor(async () => expect(await plane.taskNames()).toEqual(names), eventually);
}

async function expectStatus(status: Partial<Job['status']>): Promise<void> {
  await vi.waitFor(async () => {
    expect((await plane.client.get(Job, web)).status).toMatchObject(status);
  }, eventually);
}

describe('a service', () => {
  test('gets its tasks, with owner, labels and index, and reports how it is', async () => {
    plane.startControllers();
    const job = await createJob({ type: 'Service', replicas: 2 });
    await expectTasks('web-0-0', 'web-1-0');
    const [task] = await plane.tasks();
    expect(task?.metadata.labels).toMatchObject({
      app: 'web',
      'gantry.dev/job': 'web',
      'gantry.dev/index': '0',
    });
    expect(task?.metadata.ownerReferences).toMatchObject([
      { kind: 'Job', uid: job.metadata.uid, controller: true },
    ]);
    expect(task?.spec).toMatchObject({ job: 'web', index: 0, attempt: 0 });
    await plane.report(['web-0-0', 'web-1-0'], 'Running');
    await expectStatus({ phase: 'Running', replicas: 2, readyReplicas: 2, updatedReplicas: 2 });
    const { status } = await plane.client.get(Job, web);
    expect(isConditionTrue(status.conditions, 'Available')).toBe(true);
  });

  test('says in events what was created', async () => {
    plane.startControllers();
    await createJob({ type: 'Service', replicas: 2 });
    await vi.waitFor(async () => {
      const { items } = await plane.client.list(Event, { namespace: 'default' });
      const said = items.filter(({ reason }) => reason === 'SuccessfulCreate').map(({ message }) => message);
      expect(said.join()).toContain('Created 2 tasks: web-0-0, web-1-0');
    }, eventually);
  });

  test('rolls over to a new template one task at a time', async () => {
    plane.startControllers();
    await createJob({ type: 'Service', replicas: 2 });
    await expectTasks('web-0-0', 'web-1-0');
    await plane.report(['web-0-0', 'web-1-0'], 'Running');
    await expectStatus({ readyReplicas: 2 });
    const body = {
      spec: { template: { spec: { containers: [{ name: 'main', command: ['sleep', '2d'] }] } } },
    };
    await plane.client.patch(Job, web, { type: 'merge', body });
    await expectTasks('web-0-0', 'web-0-1', 'web-1-0');
    await plane.report(['web-0-1'], 'Running');
    await expectTasks('web-0-0', 'web-0-1', 'web-1-0', 'web-1-1');
    await plane.client.delete(Task, { namespace: 'default', name: 'web-0-0' }, { gracePeriodSeconds: 0 });
    await plane.client.delete(Task, { namespace: 'default', name: 'web-1-0' }, { gracePeriodSeconds: 0 });
    await plane.report(['web-1-1'], 'Running');
    await expectTasks('web-0-1', 'web-1-1');
    await expectStatus({ phase: 'Running', readyReplicas: 2, updatedReplicas: 2 });
  });

  test('writes nothing more once it is as wanted', async () => {
    plane.startControllers();
    await createJob({ type: 'Service', replicas: 2 });
    await expectTasks('web-0-0', 'web-1-0');
    await plane.report(['web-0-0', 'web-1-0'], 'Running');
    await expectStatus({ readyReplicas: 2 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = await plane.client.get(Job, web);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = await plane.client.get(Job, web);
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  test('made anew under its old name does not take over the tasks of the one before', async () => {
    plane.startControllers();
    await createJob({ type: 'Service', replicas: 1 });
    await expectTasks('web-0-0');
    await plane.report(['web-0-0'], 'Running');
    await plane.client.delete(Job, web);
    const again = await createJob({ type: 'Service', replicas: 1 });
    // The old task is still stopping.
    await vi.waitFor(async () => {
      const owners = (await plane.tasks()).map(({ metadata }) => [
        metadata.name,
        metadata.ownerReferences?.[0]?.uid,
      ]);
      expect(owners).toContainEqual(['web-0-1', again.metadata.uid]);
    }, eventually);
  });
});

describe('a batch', () => {
  test('completes when every index has succeeded, and keeps its tasks', async () => {
    plane.startControllers();
    await createJob({ completions: 3, parallelism: 2 });
    await expectTasks('web-0-0', 'web-1-0');
    await plane.report(['web-0-0', 'web-1-0'], 'Succeeded');
    await expectTasks('web-0-0', 'web-1-0', 'web-2-0');
    await plane.report(['web-2-0'], 'Succeeded');
    await expectStatus({ phase: 'Complete', succeeded: 3, completedIndexes: '0-2' });
    await expectTasks('web-0-0', 'web-1-0', 'web-2-0');
  });

  test('fails past its backoff limit and ends what runs', async () => {
    plane.startControllers();
    await createJob({ completions: 2, backoffLimit: 0 });
    await expectTasks('web-0-0', 'web-1-0');
    await plane.report(['web-0-0'], 'Failed');
    await expectStatus({ phase: 'Failed', failed: 1 });
    await expectTasks('web-0-0');
  });

  test('goes with all its tasks when its time to live is over', async () => {
    plane.startControllers();
    await createJob({ completions: 1, ttlSecondsAfterFinished: 0 });
    await expectTasks('web-0-0');
    await plane.report(['web-0-0'], 'Succeeded');
    await expectTasks();
    await expect(plane.client.get(Job, web)).rejects.toMatchObject({ reason: 'NotFound' });
  });
});

/** Kills the controllers at a write, starts them again, and again, until they get through. */
async function withCrashes(fault: Fault, nth: number): Promise<number> {
  let crashes = 0;
  const faulty: FaultyClient[] = [];
  const wrap = (client: Client): Client => {
    const next = new FaultyClient(client).inject({ fault, verb: 'create', kind: 'Task', nth });
    faulty.push(next);
    return next.client;
  };
  for (let life = 0; life < 4; life++) {
    plane.startControllers(wrap);
    await new Promise((resolve) => setTimeout(resolve, 150));
    if (faulty.at(-1)?.crashed) crashes++;
    await plane.stopControllers();
  }
  return crashes;
}

test.each<[Fault, number]>([
  ['crashBefore', 1],
  ['crashAfter', 1],
  ['crashBefore', 2],
  ['crashAfter', 2],
  ['crashAfter', 3],
])(
  'killed (%s, create number %i) the controllers leave what an undisturbed run leaves',
  async (fault, nth) => {
    await createJob({ type: 'Service', replicas: 4 });
    const crashes = await withCrashes(fault, nth);
    expect(crashes).toBeGreaterThan(0);
    plane.startControllers();
    await expectTasks('web-0-0', 'web-1-0', 'web-2-0', 'web-3-0');
    await expectStatus({ replicas: 4, updatedReplicas: 4 });
  },
);
