import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readAllocation, sumOf } from '../../../api/server/allocation.ts';
import { allocationKey } from '../../../api/server/keys.ts';
import { nodeUser, TestServer } from './test-server.ts';

const tasks = '/apis/gantry.dev/v1/namespaces/default/tasks';
let server: TestServer;
let serial = 0;
let name = '';

beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

/** A task with 500m and 64Mi on a node of 2 cores and 1 GiB. */
beforeEach(async () => {
  serial += 1;
  name = `web-${serial}`;
  const node = `n${serial}`;
  await server.post('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: node }, spec: {} });
  const allocatable = { cpu: '2', memory: '1Gi', pods: '10' };
  await server.mergePatch(`/api/v1/nodes/${node}/status`, { status: { allocatable } });
  await bind(name, '500m', node);
});

async function bind(task: string, cpu: string, node: string): Promise<void> {
  const resources = { requests: { cpu, memory: '64Mi' }, limits: { memory: '128Mi' } };
  const spec = { containers: [{ name: 'main', command: ['true'], resources }] };
  await server.post(tasks, { apiVersion: 'gantry.dev/v1', kind: 'Task', metadata: { name: task }, spec });
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: task } };
  await server.post(`${tasks}/${task}/binding`, { ...binding, target: { kind: 'Node', name: node } });
  await server.mergePatch(`${tasks}/${task}/status`, { status: { phase: 'Running', observedGeneration: 1 } });
}

const wanting = (requests: object, limits: object = { memory: '128Mi' }) => ({
  spec: { containers: [{ name: 'main', command: ['true'], resources: { requests, limits } }] },
});
const resize = (requests: object, limits?: object) =>
  server.mergePatch(`${tasks}/${name}/resize`, wanting(requests, limits));

async function setAside(): Promise<number> {
  const { kv } = await server.store.get(allocationKey(`n${serial}`));
  return sumOf(readAllocation(kv))['cpu'] ?? 0;
}

function condition(body: { status: { conditions?: { type: string }[] } }, type: string) {
  return body.status.conditions?.find((each) => each.type === type);
}

describe('resize', () => {
  it('sets more aside in the same transaction, and is in progress until the agent says otherwise', async () => {
    const { status, body } = await resize({ cpu: '1500m', memory: '64Mi' });
    expect(status).toBe(200);
    expect(body.spec.containers[0].resources.requests.cpu).toBe('1500m');
    expect(body.metadata.generation).toBe(2);
    expect(condition(body, 'PodResizeInProgress')).toMatchObject({ status: 'True' });
    expect(await setAside()).toBe(1500);
  });

  it('gives back what a shrunken task had only when the agent has applied it', async () => {
    await resize({ cpu: '100m', memory: '64Mi' });
    expect(await setAside()).toBe(500);
    // An agent that has not seen the change yet cannot have applied it.
    const stale = { status: { conditions: [], observedGeneration: 1 } };
    const { body } = await server.mergePatch(`${tasks}/${name}/status`, stale);
    expect(condition(body, 'PodResizeInProgress')).toBeDefined();
    expect(await setAside()).toBe(500);
    await server.mergePatch(`${tasks}/${name}/status`, { status: { conditions: [], observedGeneration: 2 } });
    expect(await setAside()).toBe(100);
  });

  it('waits for room, and takes it when it is tried again', async () => {
    await bind(`other-${serial}`, '1', `n${serial}`);
    const { body } = await resize({ cpu: '1500m', memory: '64Mi' });
    expect(condition(body, 'PodResizePending')).toMatchObject({
      reason: 'Deferred',
      message: "the task wants cpu 1500m, and 1 of its node's 2 is free for it",
    });
    expect(await setAside()).toBe(1500);
    const agent = { user: nodeUser(`n${serial}`) };
    await server.mergePatch(
      `${tasks}/${name}/status`,
      { status: { conditions: [], observedGeneration: 2 } },
      agent,
    );
    const held = await server.get(`${tasks}/${name}`);
    expect(condition(held.body, 'PodResizePending')).toBeDefined();
    await server.delete(`${tasks}/other-${serial}`, { gracePeriodSeconds: 0 });
    const again = await server.mergePatch(`${tasks}/${name}/resize`, {}, agent);
    expect(again.status).toBe(200);
    expect(condition(again.body, 'PodResizePending')).toBeUndefined();
    expect(condition(again.body, 'PodResizeInProgress')).toBeDefined();
    expect(await setAside()).toBe(1500);
  });

  it('to more than the node has is infeasible', async () => {
    const { body } = await resize({ cpu: '3', memory: '64Mi' });
    expect(condition(body, 'PodResizePending')).toMatchObject({ reason: 'Infeasible' });
    expect(await setAside()).toBe(500);
  });

  it('that changes nothing writes nothing', async () => {
    const { body: before } = await server.get(`${tasks}/${name}`);
    const { body } = await server.mergePatch(`${tasks}/${name}/resize`, {});
    expect(body.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('that is tried only sets nothing aside', async () => {
    const url = `${tasks}/${name}/resize?dryRun=All`;
    const { body } = await server.mergePatch(url, wanting({ cpu: '1', memory: '64Mi' }));
    expect(body.spec.containers[0].resources.requests.cpu).toBe('1');
    expect(await setAside()).toBe(500);
  });

  it('works on the pod as on its task', async () => {
    const body = wanting({ cpu: '1', memory: '64Mi' });
    const pod = await server.mergePatch(`/api/v1/namespaces/default/pods/${name}/resize`, body);
    expect(pod.body).toMatchObject({ kind: 'Pod', spec: { nodeName: `n${serial}` } });
    expect(condition(pod.body, 'PodResizeInProgress')).toBeDefined();
    const { body: task } = await server.get(`${tasks}/${name}`);
    expect(task.spec.containers[0].resources.requests.cpu).toBe('1');
    expect(await setAside()).toBe(1000);
  });

  it.each([
    [
      'other resources',
      { cpu: '500m', memory: '64Mi', 'example.com/gpu': '1' },
      undefined,
      /only cpu and memory/,
    ],
    ['taking a request away', { memory: '64Mi' }, undefined, /cannot be removed/],
    [
      'a request above its limit',
      { cpu: '500m', memory: '1Gi' },
      undefined,
      /less than or equal to the limit/,
    ],
    [
      'another class',
      { cpu: '500m', memory: '128Mi' },
      { cpu: '500m', memory: '128Mi' },
      /QoS class .* from Burstable to Guaranteed/,
    ],
  ])('refuses %s', async (_what, requests, limits, message) => {
    const { status, body } = await resize(requests, limits);
    expect(status).toBe(422);
    expect(body.message).toMatch(message);
  });

  it('is refused to a node that wants more for its task', async () => {
    const body = wanting({ cpu: '1', memory: '64Mi' });
    const options = { user: nodeUser(`n${serial}`) };
    expect((await server.mergePatch(`${tasks}/${name}/resize`, body, options)).status).toBe(403);
  });

  it('is the only way to change resources', async () => {
    const { status } = await server.mergePatch(`${tasks}/${name}`, wanting({ cpu: '1', memory: '64Mi' }));
    expect(status).toBe(422);
  });
});
