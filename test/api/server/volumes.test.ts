/** Claims: bound with the task that mounts them first, to one node, once; the space is set aside until the volume is gone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAllocation, sumOf } from '../../../api/server/allocation.ts';
import { stores } from '../../kit/stores.ts';
import { addNode, nodeUser, TestServer, tasks } from './test-server.ts';

const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
const volumes = '/api/v1/persistentvolumes';
const plans = '/apis/gantry.dev/v1/plans';

const claimDraft = (name: string, spec: object = {}): object => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});

const taskWith = (name: string, ...mounted: string[]): object => ({
  metadata: { name },
  spec: {
    containers: [{ name: 'main', command: ['true'], resources: { requests: { cpu: '10m' } } }],
    volumes: mounted.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
  },
});

async function addVolumeNode(server: TestServer, name: string, disk = '10Gi'): Promise<void> {
  await addNode(server, name, { cpu: '8', pods: '100', 'ephemeral-storage': disk });
  await server.mergePatch(`/api/v1/nodes/${name}/status`, { status: { volumeDirectory: `/data/${name}` } });
}

const bind = (server: TestServer, name: string, node: string) =>
  server.post(`${tasks}/${name}/binding`, { metadata: { name }, target: { kind: 'Node', name: node } });

async function allocationOf(server: TestServer, node: string): Promise<ReturnType<typeof readAllocation>> {
  return readAllocation((await server.store.get(`/registry/allocations/${node}`)).kv);
}

describe('a claim', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
    for (const name of ['n1', 'n2']) await addVolumeNode(server, name);
    await addNode(server, 'plain', { cpu: '8', pods: '100', 'ephemeral-storage': '10Gi' });
  });
  afterAll(() => server.close());

  const made = async (task: string, claim: string, spec: object = {}): Promise<void> => {
    await server.post(claims, claimDraft(claim, spec));
    await server.post(tasks, taskWith(task, claim));
  };
  const refusalOf = async (task: string, node: string): Promise<string> => {
    const { status, body } = await bind(server, task, node);
    expect(status).toBe(409);
    return body.message;
  };

  it('without a class gets the default one, and is protected', async () => {
    const { body } = await server.post(claims, claimDraft('fresh'));
    expect(body.spec).toMatchObject({ storageClassName: 'local', volumeMode: 'Filesystem' });
    expect(body.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    expect(body.status).toEqual({ phase: 'Pending' });
    const { body: none } = await server.post(claims, claimDraft('classless', { storageClassName: '' }));
    expect(none.spec.storageClassName).toBe('');
  });

  it('gets its volume on the node of its first task, in the revision of the bind', async () => {
    await made('first', 'data');
    expect((await bind(server, 'first', 'n1')).status).toBe(201);
    const { body: task } = await server.get(`${tasks}/first`);
    const { body: claim } = await server.get(`${claims}/data`);
    const name = `pvc-${claim.metadata.uid}`;
    const { body: volume } = await server.get(`${volumes}/${name}`);
    expect(claim.spec.volumeName).toBe(name);
    expect(task.spec.claimPaths).toEqual({ data: `/data/n1/${name}` });
    expect(volume.spec).toMatchObject({
      capacity: { storage: '1Gi' },
      local: { path: `/data/n1/${name}` },
      claimRef: { namespace: 'default', name: 'data', uid: claim.metadata.uid },
      persistentVolumeReclaimPolicy: 'Delete',
    });
    const revisions = [task, claim, volume].map(({ metadata }) => metadata.resourceVersion);
    expect(new Set(revisions).size).toBe(1);
    expect((await allocationOf(server, 'n1')).volumes).toEqual({ [name]: 1024 ** 3 });
  });

  it('takes later tasks to that node alone', async () => {
    await server.post(tasks, taskWith('second', 'data'));
    expect(await refusalOf('second', 'n2')).toContain('persistentvolumeclaim "data" is on node n1');
    expect((await bind(server, 'second', 'n1')).status).toBe(201);
    expect(sumOf(await allocationOf(server, 'n1'))['ephemeral-storage']).toBe(1024 ** 3);
  });

  it.each([
    ['that is not there', 'n1', undefined, 'persistentvolumeclaim "c0" not found'],
    [
      'larger than what is left of the disk',
      'n1',
      { resources: { requests: { storage: '9728Mi' } } },
      'ephemeral-storage',
    ],
    ['of many nodes', 'n1', { accessModes: ['ReadWriteMany'] }, 'asks for a volume of many nodes'],
    ['of a class that makes none', 'n1', { storageClassName: 'fast' }, 'class "fast" makes none'],
    ['of a node without a place for volumes', 'plain', {}, 'node plain, which has no place for volumes'],
    ['that names a volume nobody has', 'n1', { volumeName: 'kept' }, 'waits for volume kept'],
  ] as const)('%s is refused to a task', async (_case, node, spec, message) => {
    const name = `c${message.length}`;
    if (spec) await server.post(claims, claimDraft(name, spec));
    await server.post(tasks, taskWith(`asks-${name}`, spec ? name : 'c0'));
    expect(await refusalOf(`asks-${name}`, node)).toContain(message);
  });

  it('for one task has one task at a time', async () => {
    await made('alone', 'own', { accessModes: ['ReadWriteOncePod'] });
    await server.post(tasks, taskWith('other', 'own'));
    expect((await bind(server, 'alone', 'n2')).status).toBe(201);
    expect(await refusalOf('other', 'n2')).toContain('is for one task, and default/alone has it');
    await server.mergePatch(`${tasks}/alone/status`, { status: { phase: 'Failed' } });
    expect((await bind(server, 'other', 'n2')).status).toBe(201);
  });

  it('that is being deleted gets no more tasks', async () => {
    await made('late', 'leaving');
    await server.delete(`${claims}/leaving`);
    expect(await refusalOf('late', 'n1')).toContain('persistentvolumeclaim "leaving" is being deleted');
  });

  it('keeps its space when its tasks are over, until its volume is gone', async () => {
    const { body: claim } = await server.get(`${claims}/data`);
    const name = claim.spec.volumeName;
    for (const task of ['first', 'second'])
      await server.mergePatch(`${tasks}/${task}/status`, { status: { phase: 'Succeeded' } });
    expect((await allocationOf(server, 'n1')).volumes).toEqual({ [name]: 1024 ** 3 });
    await server.delete(`${volumes}/${name}`);
    expect((await allocationOf(server, 'n1')).volumes).toEqual({ [name]: 1024 ** 3 });
    await server.mergePatch(`${volumes}/${name}`, { metadata: { finalizers: null } });
    expect((await server.get(`${volumes}/${name}`)).status).toBe(404);
    expect(await allocationOf(server, 'n1')).toEqual({ tasks: {} });
  });

  it('cannot be told by its user where it is', async () => {
    const draft = taskWith('forger', 'fresh') as { spec: Record<string, unknown> };
    draft.spec['claimPaths'] = { fresh: '/etc' };
    expect((await server.post(tasks, draft)).status).toBe(422);
  });

  it('does not change what it asks for', async () => {
    const grown = { spec: { resources: { requests: { storage: '2Gi' } } } };
    expect((await server.mergePatch(`${claims}/fresh`, grown)).status).toBe(422);
    const { status } = await server.mergePatch(`${claims}/fresh`, { metadata: { labels: { a: 'b' } } });
    expect(status).toBe(200);
  });
});

describe('a volume', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
    await addVolumeNode(server, 'n1');
    await server.post(claims, claimDraft('data'));
    await server.post(tasks, taskWith('user', 'data'));
    await bind(server, 'user', 'n1');
  });
  afterAll(() => server.close());

  it('lets the agent of its node, and no other, say that it is empty, and nothing else', async () => {
    const { body } = await server.get(volumes);
    const path = `${volumes}/${body.items[0].metadata.name}`;
    const patch = (user: string, change: object) => server.mergePatch(path, change, { user: nodeUser(user) });
    const finalizers = ['kubernetes.io/pv-protection'];
    expect((await patch('n2', { metadata: { finalizers } })).status).toBe(403);
    expect((await patch('n1', { spec: { capacity: { storage: '9Gi' } } })).status).toBe(403);
    expect((await patch('n1', { metadata: { finalizers } })).status).toBe(200);
    const own = `${volumes}?fieldSelector=spec.nodeName%3Dn1`;
    expect((await server.get(own, { user: nodeUser('n1') })).body.items).toHaveLength(1);
    expect((await server.get(own, { user: nodeUser('n2') })).status).toBe(403);
  });

  it.each([
    ['of no node', { nodeAffinity: undefined }, 'spec.nodeAffinity.required'],
    ['that leads upwards', { local: { path: '/data/../etc' } }, 'spec.local.path'],
    ['that is a device', { volumeMode: 'Block' }, 'spec.volumeMode'],
    ['without a size', { capacity: {} }, 'spec.capacity.storage'],
  ])('%s is refused', async (_case, change, field) => {
    const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: ['n1'] };
    const spec = {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      local: { path: '/data/kept' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
      ...change,
    };
    const { status, body } = await server.post(volumes, { metadata: { name: 'static' }, spec });
    expect({ status, field: body.details.causes[0].field }).toEqual({ status: 422, field });
  });
});

it.each(stores)('tasks of one new claim never end up on two nodes, over %s', async (_name, open) => {
  const { store, stop } = await open();
  const servers = await Promise.all([1, 2].map(() => TestServer.start({ store, batchWrites: true })));
  const first = servers[0]!;
  for (const name of ['a', 'b', 'c']) await addVolumeNode(first, name);
  const shared = Array.from({ length: 8 }, (_, n) => `shared-${n}`);
  for (const claim of shared) await first.post(claims, claimDraft(claim));
  const binds = shared.flatMap((claim) =>
    ['a', 'b', 'c'].map((node) => ({ namespace: 'default', name: `${claim}-on-${node}`, node, claim })),
  );
  for (const { name, claim } of binds) await first.post(tasks, taskWith(name, claim));
  await Promise.all(servers.map((server) => server.post(plans, { binds })));
  const { body: all } = await first.get(tasks);
  for (const claim of shared) {
    const nodes = all.items
      .filter(
        ({ spec }: { spec: { nodeName?: string; claimPaths?: object } }) =>
          spec.claimPaths && claim in spec.claimPaths,
      )
      .map(({ spec }: { spec: { nodeName: string } }) => spec.nodeName);
    expect(nodes).toHaveLength(1);
  }
  expect((await first.get(volumes)).body.items).toHaveLength(shared.length);
  for (const server of servers) await server.server.close();
  await store.close();
  await stop();
});
