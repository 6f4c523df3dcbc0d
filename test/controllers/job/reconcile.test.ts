/** The job controller on the real API server: what a user sees, and what survives a controller killed between two writes. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Event, Job, Task } from '../../../api/kinds/resources.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { isConditionTrue } from '../../../api/meta/conditions.ts';
import type { Client } from '../../../client/client.ts';
import type { ReconcileContext } from '../../../client/controller.ts';
import { type Fault, FaultyClient } from '../../../client/testing/index.ts';
import { reconcileJob } from '../../../controllers/job/reconcile.ts';
import { TurnPacer } from '../../../controllers/job/turn-pacer.ts';
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

/** Kills the controllers at their nth call about tasks; a second life dies there too, if it gets that far. */
async function withCrashes(fault: Fault, nth: number): Promise<void> {
  const lives: FaultyClient[] = [];
  const wrap = (client: Client): Client => {
    const life = new FaultyClient(client).inject({ fault, kind: 'Task', nth });
    lives.push(life);
    return life.client;
  };
  plane.startControllers(wrap);
  await vi.waitFor(() => expect(lives[0]?.crashed).toBe(true), eventually);
  await plane.stopControllers();
  plane.startControllers(wrap);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await plane.stopControllers();
}

/** Call 1 and 2 are the informer's list and watch, 3 the live read, then come the writes. */
describe.each<[Fault, number]>([
  ['crashAfter', 3],
  ['crashBefore', 4],
  ['crashAfter', 4],
  ['crashBefore', 5],
  ['crashAfter', 5],
  ['crashAfter', 6],
])('controllers killed (%s, call %i about tasks)', (fault, nth) => {
  test('leave a new service as an undisturbed run does', async () => {
    await createJob({ type: 'Service', replicas: 4 });
    await withCrashes(fault, nth);
    plane.startControllers();
    await expectTasks('web-0-0', 'web-1-0', 'web-2-0', 'web-3-0');
    await expectStatus({ replicas: 4, updatedReplicas: 4 });
  });

  test('leave a service scaled down and updated at once as an undisturbed run does', async () => {
    plane.startControllers();
    await createJob({ type: 'Service', replicas: 4 });
    await expectTasks('web-0-0', 'web-1-0', 'web-2-0', 'web-3-0');
    await plane.stopControllers();
    const body = { spec: { replicas: 2, template: { metadata: { labels: { version: '2' } } } } };
    await plane.client.patch(Job, web, { type: 'merge', body });
    await withCrashes(fault, nth);
    plane.startControllers();
    await expectStatus({ replicas: 2, updatedReplicas: 2 });
    expect((await plane.tasks()).map(({ spec }) => spec.index)).toEqual([0, 1]);
  });
});

describe('a controller with an old view of the tasks', () => {
  /** One turn over a cache that shows these tasks, whatever there is. */
  async function reconcileSeeing(tasks: Task[]): Promise<void> {
    const job = await plane.client.get(Job, web);
    const cache = () => ({ ownedBy: () => tasks });
    const context = {
      key: 'default/web',
      client: plane.client,
      clock: systemClock,
      events: { record: () => {} },
      cache,
    };
    await reconcileJob(job, context as unknown as ReconcileContext, new TurnPacer());
  }

  test('makes no second task beside one it does not see', async () => {
    plane.startControllers();
    await createJob({ type: 'Service', replicas: 1 });
    await expectTasks('web-0-0');
    await plane.report(['web-0-0'], 'Failed');
    await expectTasks('web-0-1');
    await plane.stopControllers();
    await reconcileSeeing([]);
    expect(await plane.taskNames()).toEqual(['web-0-1']);
  });

  test('deletes no task that has come back from a silent node', async () => {
    plane.startControllers();
    await createJob({ type: 'Service', replicas: 1 });
    await expectTasks('web-0-0');
    await plane.report(['web-0-0'], 'Running');
    await plane.stopControllers();
    const [running] = await plane.tasks();
    const lost = {
      ...running,
      status: {
        phase: 'Unknown',
        conditions: [{ type: 'Disconnected', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' }],
      },
    } as Task;
    await reconcileSeeing([lost]);
    const [task] = await plane.tasks();
    expect(task?.metadata.deletionTimestamp).toBeUndefined();
    expect(await plane.taskNames()).toEqual(['web-0-0']);
  });
});
