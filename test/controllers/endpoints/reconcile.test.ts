/** The endpoints controller on the real API server: what a user sees, and what survives a crash between two writes. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EndpointSlice, Job, Service, Task } from '../../../api/kinds/resources.ts';
import { serviceNameLabel } from '../../../api/kinds/service-labels.ts';
import { type Fault, FaultyClient } from '../../../client/testing/index.ts';
import { ControlPlane } from '../control-plane.ts';

const web = { namespace: 'default', name: 'web' };
const ofService = { namespace: 'default', labelSelector: `${serviceNameLabel}=web` };
const eventually = { timeout: 8_000, interval: 20 };
const containers = [{ name: 'main', command: ['sleep', '1d'], ports: [{ containerPort: 8080 }] }];

let plane: ControlPlane;

beforeEach(async () => {
  plane = await ControlPlane.start();
  await plane.addNode('n1');
});

afterEach(() => plane.stop());

async function createService(): Promise<void> {
  const spec = { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] };
  await plane.client.create(Service, { metadata: { ...web }, spec: spec as never });
}

async function createTask(name: string, address = '10.0.0.1'): Promise<void> {
  const metadata = { namespace: 'default', name, labels: { app: 'web' } };
  // Its own port on the node: tasks of one node cannot share one.
  const [container] = containers;
  const hostPort = 9000 + Number(name.slice(1));
  const ports = [{ containerPort: 8080, hostPort, protocol: 'TCP' }];
  await plane.client.create(Task, { metadata, spec: { containers: [{ ...container, ports }] } as never });
  await plane.report([name], 'Running');
  const body = { status: { addresses: [address] } };
  await plane.client.patch(
    Task,
    { namespace: 'default', name },
    { type: 'merge', body },
    { subresource: 'status' },
  );
}

async function expectEndpoints(...names: string[]): Promise<void> {
  await vi.waitFor(async () => {
    const { items } = await plane.client.list(EndpointSlice, ofService);
    expect(
      items.flatMap(({ endpoints }) => endpoints.map(({ targetRef }) => targetRef?.name)).sort(),
    ).toEqual(names);
  }, eventually);
}

describe('a service', () => {
  test('has its ready tasks as endpoints, and loses those that end or go', async () => {
    plane.startControllers();
    await createService();
    for (const name of ['t1', 't2', 't3']) await createTask(name);
    await expectEndpoints('t1', 't2', 't3');
    await plane.report(['t1'], 'Failed');
    await plane.client.delete(Task, { namespace: 'default', name: 't2' }, { gracePeriodSeconds: 0 });
    await expectEndpoints('t3');
  });

  test('takes its slices along when it goes', async () => {
    plane.startControllers();
    await createService();
    await createTask('t1');
    await expectEndpoints('t1');
    await plane.client.delete(Service, web);
    await expectEndpoints();
  });

  test('created after its tasks finds them; a changed selector finds others', async () => {
    plane.startControllers();
    await createTask('t1');
    await createService();
    await expectEndpoints('t1');
    await plane.client.patch(Service, web, { type: 'merge', body: { spec: { selector: { app: 'db' } } } });
    await expectEndpoints();
  });

  test('leads to the tasks of a job by the labels of its template', async () => {
    plane.startControllers();
    await createService();
    const template = { metadata: { labels: { app: 'web' } }, spec: { containers } };
    await plane.client.create(Job, {
      metadata: { ...web },
      spec: { type: 'Service', replicas: 1, template } as never,
    });
    await vi.waitFor(async () => expect(await plane.taskNames()).toHaveLength(1), eventually);
    const body = { status: { addresses: ['10.0.0.9'] } };
    await plane.report(['web-0-0'], 'Running');
    await plane.client.patch(
      Task,
      { namespace: 'default', name: 'web-0-0' },
      { type: 'merge', body },
      { subresource: 'status' },
    );
    await expectEndpoints('web-0-0');
    // And, under its index, by the job itself.
    await vi.waitFor(async () => {
      const { items } = await plane.client.list(EndpointSlice, { labelSelector: 'gantry.dev/job=web' });
      expect(items).toMatchObject([{ endpoints: [{ hostname: '0', addresses: ['10.0.0.9'] }] }]);
    }, eventually);
  });
});

const faults: Fault[] = ['crashBefore', 'crashAfter', 'lostAnswer', 'conflict', 'unavailable'];
const writes = ['create', 'update', 'delete'] as const;

test.each(writes.flatMap((verb) => faults.map((fault) => [verb, fault] as const)))(
  'a controller that meets %s × %s ends where an undisturbed one does',
  async (verb, fault) => {
    let faulty: FaultyClient | undefined;
    const start = (): void =>
      plane.startControllers((client) => {
        faulty = new FaultyClient(client);
        faulty.inject({ verb, kind: 'EndpointSlice', fault });
        return faulty.client;
      });
    await createService();
    start();
    const restartAfterCrash = async (): Promise<void> => {
      if (!faulty?.crashed) return;
      await plane.stopControllers();
      plane.startControllers();
    };
    await createTask('t1');
    await createTask('t2');
    await vi.waitFor(async () => {
      await restartAfterCrash();
      await expectEndpointsNow('t1', 't2');
    }, eventually);
    await plane.report(['t1'], 'Failed');
    await vi.waitFor(async () => {
      await restartAfterCrash();
      await expectEndpointsNow('t2');
    }, eventually);
  },
);

async function expectEndpointsNow(...names: string[]): Promise<void> {
  const { items } = await plane.client.list(EndpointSlice, ofService);
  expect(items.flatMap(({ endpoints }) => endpoints.map(({ targetRef }) => targetRef?.name)).sort()).toEqual(
    names,
  );
}
