/** Pods written: what becomes of them as tasks, and what is read again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { podView } from '../../../../api/kinds/pod-view.ts';
import { patchTypes } from '../../../../api/server/patch.ts';
import { TestServer } from '../test-server.ts';

const pods = '/api/v1/namespaces/default/pods';
const tasks = '/apis/gantry.dev/v1/namespaces/default/tasks';

const container = { name: 'main', image: 'busybox', command: ['sleep', '60'] };
const pod = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [container], ...spec },
});

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

/** Everything a task has no word for, and that harms nobody. */
const foreign = {
  serviceAccountName: 'default',
  automountServiceAccountToken: false,
  dnsPolicy: 'Default',
  enableServiceLinks: true,
  hostNetwork: true,
  subdomain: 'web',
  preemptionPolicy: 'PreemptLowerPriority',
  os: { name: 'linux' },
  securityContext: { runAsUser: 1000, runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
};

describe('a pod that is created', () => {
  test('is a task, and reads as it was written', async () => {
    const securityContext = { allowPrivilegeEscalation: false, runAsGroup: 7 };
    const written = pod('whole', {
      ...foreign,
      containers: [
        {
          ...container,
          resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
          securityContext,
        },
      ],
    });
    const { status, body } = await server.post(`${pods}?fieldValidation=Strict`, written);
    expect(status).toBe(201);
    expect(body).toMatchObject(written);
    const { body: task } = await server.get(`${tasks}/whole`);
    expect(task).toMatchObject({
      kind: 'Task',
      spec: { restartPolicy: 'Always' },
      status: { phase: 'Pending' },
    });
    expect(task.spec.containers[0].securityContext).toEqual(securityContext);
    expect(task.spec.securityContext).toEqual(foreign.securityContext);
    expect(task.spec).toMatchObject({ serviceAccountName: 'default', automountServiceAccountToken: false });
    expect(task.spec).not.toHaveProperty('os');
    expect(podView.show(task)).toEqual(body);
    expect(podView.store(podView.show(task), task)).toEqual(task);
  });

  test('gets a name, an owner and a dry run like any other object', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'whole', uid: 'u' };
    const metadata = { name: undefined, generateName: 'made-', ownerReferences: [owner] };
    const dry = await server.post(`${pods}?dryRun=All`, pod('', {}, metadata));
    expect(dry.status).toBe(201);
    const { body } = await server.post(pods, pod('', {}, metadata));
    expect(body.metadata.name).toMatch(/^made-.{5}$/);
    // What is stored names what is stored.
    expect(body.metadata.ownerReferences).toEqual([{ ...owner, apiVersion: 'gantry.dev/v1', kind: 'Task' }]);
    expect((await server.get(`${pods}/${dry.body.metadata.name}`)).status).toBe(404);
  });

  test.each<[object, string]>([
    [{ hostPID: true }, 'spec.hostPID'],
    [{ shareProcessNamespace: true }, 'spec.shareProcessNamespace'],
    [{ activeDeadlineSeconds: 5 }, 'spec.activeDeadlineSeconds'],
    [{ securityContext: { sysctls: [{ name: 'a', value: 'b' }] } }, 'spec.securityContext.sysctls'],
    [{ volumes: [{ name: 'v', nfs: { server: 'x', path: '/' } }] }, 'spec.volumes[0].nfs'],
    [
      { containers: [{ ...container, securityContext: { capabilities: { add: ['FLY'] } } }] },
      'spec.containers[0].securityContext.capabilities.add[0]',
    ],
    [
      { containers: [{ ...container, livenessProbe: { tcpSocket: { port: 1, host: 'elsewhere' } } }] },
      'spec.containers[0].livenessProbe.tcpSocket.host',
    ],
    [{ containers: [{ ...container, name: 'Not A Name' }] }, 'spec.containers[0].name'],
  ])('is refused where it cannot mean what it says: %j', async (spec, field) => {
    const { status, body } = await server.post(pods, pod('refused', spec));
    expect(status).toBe(422);
    expect(body.details).toMatchObject({ kind: 'Pod', name: 'refused', causes: [{ field }] });
  });

  test('an unknown field is told by its path', async () => {
    const wrong = pod('wrong', { containers: [{ ...container, imagge: 'x' }] });
    const { status, body } = await server.post(`${pods}?fieldValidation=Strict`, wrong);
    expect(status).toBe(400);
    expect(body.message).toContain('Pod in version "v1" cannot be handled as a Pod');
    expect(body.message).toContain('unknown field "spec.containers[0].imagge" (did you mean "image"?)');
  });
});

describe('a pod that is changed', () => {
  test('keeps its place in its job, and what Kubernetes knows not', async () => {
    const created = (
      await server.post(tasks, {
        ...pod('of-job', { job: 'web', index: 3, attempt: 1 }),
        apiVersion: 'gantry.dev/v1',
        kind: 'Task',
      })
    ).body;
    const headers = { 'content-type': patchTypes.strategic };
    const patch = { metadata: { labels: { a: 'b' } }, spec: { tolerations: [{ operator: 'Exists' }] } };
    expect((await server.raw('PATCH', `${pods}/of-job`, patch, { headers })).status).toBe(200);
    const { body: task } = await server.get(`${tasks}/of-job`);
    expect(task.spec).toEqual({ ...created.spec, tolerations: [{ operator: 'Exists' }] });
    expect(task.metadata.annotations).toBeUndefined();
    expect(task.metadata.generation).toBe(2);
  });

  test('a write that changes nothing makes no version', async () => {
    const before = (await server.get(`${pods}/whole`)).body;
    const put = (await server.put(`${pods}/whole`, before)).body;
    const patched = (await server.mergePatch(`${pods}/whole`, { spec: foreign })).body;
    expect([put, patched].map(({ metadata }) => metadata.resourceVersion)).toEqual([
      before.metadata.resourceVersion,
      before.metadata.resourceVersion,
    ]);
  });

  test('what it runs cannot be changed', async () => {
    const { status, body } = await server.mergePatch(`${pods}/whole`, { spec: { restartPolicy: 'Never' } });
    expect(status).toBe(422);
    expect(body.message).toMatch(
      /^Pod "whole" is invalid: spec: Forbidden: pod updates may not change fields/,
    );
  });

  test('server-side apply creates it, and owns what it says', async () => {
    const headers = { 'content-type': patchTypes.apply };
    const apply = (labels: object, manager = 'me') =>
      server.raw(
        'PATCH',
        `${pods}/applied?fieldManager=${manager}`,
        pod('applied', { dnsPolicy: 'Default' }, { labels }),
        { headers },
      );
    expect((await apply({ a: '1', b: '2' })).status).toBe(201);
    const second = await apply({ a: '1' });
    expect(second.body.metadata.labels).toEqual({ a: '1' });
    expect((await apply({ a: '1' })).body.metadata.resourceVersion).toBe(
      second.body.metadata.resourceVersion,
    );
    expect((await apply({ a: '9' }, 'other')).status).toBe(409);
  });

  test('its status can be written, and is the task’s', async () => {
    const condition = { type: 'PodScheduled', status: 'True' };
    const status = { phase: 'Running', conditions: [condition, { type: 'own.dev/Gate', status: 'True' }] };
    const { body } = await server.mergePatch(`${pods}/applied/status`, { status });
    expect(body.status).toMatchObject(status);
    const { body: task } = await server.get(`${tasks}/applied`);
    expect(task.status.conditions).toEqual([{ ...condition, type: 'Scheduled' }, status.conditions[1]]);
  });
});

describe('a pod that goes', () => {
  test('by an eviction, dry or not', async () => {
    await server.post(pods, pod('evicted'));
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'evicted' } };
    const dry = { ...eviction, deleteOptions: { dryRun: ['All'] } };
    expect((await server.post(`${pods}/evicted/eviction`, dry)).status).toBe(201);
    expect((await server.get(`${pods}/evicted`)).status).toBe(200);
    const other = { ...eviction, deleteOptions: { preconditions: { uid: 'other' } } };
    expect((await server.post(`${pods}/evicted/eviction`, other)).status).toBe(409);
    expect((await server.post(`${pods}/evicted/eviction`, eviction)).body).toMatchObject({
      status: 'Success',
    });
    expect((await server.post(`${pods}/evicted/eviction`, eviction)).status).toBe(404);
  });

  test('among others', async () => {
    for (const name of ['gone-a', 'gone-b'])
      await server.post(pods, pod(name, {}, { labels: { gone: 'yes' } }));
    const { body } = await server.delete(`${pods}?labelSelector=gone=yes`);
    expect(body.items.map(({ kind }: { kind: string }) => kind)).toEqual(['Pod', 'Pod']);
    expect((await server.get(`${tasks}?labelSelector=gone=yes`)).body.items).toEqual([]);
  });
});

describe('ephemeral containers', () => {
  const dbg = { name: 'dbg', image: 'busybox', stdin: true, targetContainerName: 'main' };
  const headers = { 'content-type': patchTypes.strategic };
  const add = (...ephemeralContainers: object[]) =>
    server.raw('PATCH', `${pods}/whole/ephemeralcontainers`, { spec: { ephemeralContainers } }, { headers });

  test('are added through their subresource, which changes nothing else', async () => {
    const patch = { spec: { ephemeralContainers: [dbg], restartPolicy: 'Never' } };
    const { status, body } = await server.raw('PATCH', `${pods}/whole/ephemeralcontainers`, patch, {
      headers,
    });
    expect(status).toBe(200);
    expect(body.spec).toMatchObject({ restartPolicy: 'Always', serviceAccountName: 'default' });
    const { body: task } = await server.get(`${tasks}/whole`);
    expect(task.spec.ephemeralContainers).toMatchObject([dbg]);
  });

  test.each<[string, () => Promise<{ status: number; body: { message: string } }>, RegExp]>([
    ['change', () => add({ ...dbg, image: 'other' }), /may not be removed or changed/],
    [
      'have ports',
      () => add({ name: 'x', image: 'busybox', ports: [{ containerPort: 1 }] }),
      /ephemeralContainers\[1\]\.ports/,
    ],
    ['have the name of another', () => add({ name: 'main', image: 'busybox' }), /Duplicate value/],
    [
      'look at what is not there',
      () => add({ name: 'x', image: 'busybox', targetContainerName: 'y' }),
      /targetContainerName/,
    ],
    [
      'come with a new pod',
      () => server.post(pods, pod('early', { ephemeralContainers: [dbg] })),
      /through the subresource/,
    ],
    [
      'come with a change of the pod',
      () => server.mergePatch(`${pods}/whole`, { spec: { ephemeralContainers: [] } }),
      /pod updates may not change/,
    ],
  ])('cannot %s', async (_what, write, message) => {
    const { status, body } = await write();
    expect(status).toBe(422);
    expect(body.message).toMatch(message);
  });
});

test('events about a pod are those about its task', async () => {
  const events = '/api/v1/namespaces/default/events';
  const event = (name: string, involvedObject: object) => ({
    metadata: { name },
    involvedObject,
    reason: 'Said',
  });
  await server.post(events, event('by-agent', { apiVersion: 'gantry.dev/v1', kind: 'Task', name: 'whole' }));
  await server.post(events, event('by-tool', { apiVersion: 'v1', kind: 'Pod', name: 'whole' }));
  await server.post(events, event('of-node', { apiVersion: 'v1', kind: 'Node', name: 'whole' }));
  const of = async (kind: string): Promise<string[]> => {
    const { body } = await server.get(
      `${events}?fieldSelector=involvedObject.kind=${kind},involvedObject.name=whole`,
    );
    return body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  };
  expect(await of('Pod')).toEqual(['by-agent', 'by-tool']);
  expect(await of('Task')).toEqual(['by-agent', 'by-tool']);
  expect(await of('Node')).toEqual(['of-node']);
});
