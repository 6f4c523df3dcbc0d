import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measuredAgents } from '../../../kit/measured-agents.ts';
import { TestServer } from '../test-server.ts';

const api = '/apis/metrics.k8s.io/v1beta1';
const uids = new Map<string, string[] | undefined>();
const agents = measuredAgents(async (hostname) => uids.get(hostname));
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ nodeClient: agents });
  await addNode('n1', '10.0.0.1', ['web-0-0', 'web-1-0']);
  await addNode('n2', '10.0.0.2', ['db-0-0']);
  await addNode('dead', '10.0.0.3', ['old-0-0']);
  uids.set('10.0.0.3', undefined);
});
afterAll(() => server.close());

async function addNode(name: string, address: string, tasks: string[]): Promise<void> {
  const metadata = { name, labels: { disk: name === 'n1' ? 'ssd' : 'hdd' } };
  await server.post('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata, spec: {} });
  const status = {
    addresses: [{ type: 'InternalIP', address }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    allocatable: { cpu: '4', memory: '4Gi', pods: '10' },
  };
  await server.mergePatch(`/api/v1/nodes/${name}/status`, { status });
  const path = '/apis/gantry.dev/v1/namespaces/default/tasks';
  const bound = tasks.map(async (task) => {
    const { body } = await server.post(path, {
      ...{ apiVersion: 'gantry.dev/v1', kind: 'Task', metadata: { name: task, labels: { task } } },
      spec: { containers: [{ name: 'main', command: ['true'] }] },
    });
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: task },
      target: { kind: 'Node', name },
    };
    expect((await server.post(`${path}/${task}/binding`, binding)).status).toBe(201);
    return String(body.metadata.uid);
  });
  uids.set(address, await Promise.all(bound));
}

const namesIn = ({ body }: { body: { items: { metadata: { name: string } }[] } }) =>
  body.items.map(({ metadata }) => metadata.name);

describe('metrics.k8s.io', () => {
  it('tells what a node uses', async () => {
    const { status, body } = await server.get(`${api}/nodes/n1`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'NodeMetrics',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: { name: 'n1', labels: { disk: 'ssd' } },
      timestamp: '2030-01-01T00:00:00Z',
      window: '10.000s',
      usage: { cpu: '250m', memory: '64Mi' },
    });
  });

  it.each(['pods', 'tasks'])('tells what the containers of %s use', async (plural) => {
    const { body } = await server.get(`${api}/namespaces/default/${plural}/db-0-0`);
    expect(body).toMatchObject({
      kind: plural === 'pods' ? 'PodMetrics' : 'TaskMetrics',
      metadata: { name: 'db-0-0', namespace: 'default' },
      containers: [{ name: 'main', usage: { cpu: '100m', memory: '32Mi' } }],
    });
  });

  it('leaves out what an agent that does not answer would have to tell', async () => {
    expect(namesIn(await server.get(`${api}/nodes`))).toEqual(['n1', 'n2']);
    expect(namesIn(await server.get(`${api}/pods`))).toEqual(['db-0-0', 'web-0-0', 'web-1-0']);
    expect((await server.get(`${api}/nodes/dead`)).status).toBe(404);
  });

  it('selects by the labels of nodes and tasks', async () => {
    expect(namesIn(await server.get(`${api}/nodes?labelSelector=disk%3Dssd`))).toEqual(['n1']);
    const tasks = await server.get(`${api}/namespaces/default/tasks?labelSelector=task%3Dweb-1-0`);
    expect(namesIn(tasks)).toEqual(['web-1-0']);
    expect(namesIn(await server.get(`${api}/namespaces/other/tasks`))).toEqual([]);
  });

  it('asks an agent once for all who look within seconds', async () => {
    agents.asked.splice(0);
    await Promise.all([server.get(`${api}/nodes`), server.get(`${api}/pods`), server.get(`${api}/tasks`)]);
    expect(agents.asked).toEqual([]);
  });

  it.each([
    ['a node that is not there', 'GET', `${api}/nodes/none`, 404],
    ['a resource that is none', 'GET', `${api}/jobs`, 404],
    ['a version that is none', 'GET', '/apis/metrics.k8s.io/v1/nodes', 404],
    ['nodes in a namespace', 'GET', `${api}/namespaces/default/nodes`, 404],
    ['writing', 'POST', `${api}/nodes`, 405],
    ['watching', 'GET', `${api}/nodes?watch=true`, 405],
  ])('refuses %s', async (_what, method, url, status) => {
    expect((await server.raw(method, url, method === 'POST' ? {} : undefined)).status).toBe(status);
  });

  it('stands in discovery, after what is stored, and in OpenAPI', async () => {
    const { body: list } = await server.get(api);
    expect(list.resources).toMatchObject([
      { name: 'nodes', kind: 'NodeMetrics', namespaced: false, verbs: ['get', 'list'] },
      { name: 'pods', kind: 'PodMetrics', namespaced: true },
      { name: 'tasks', kind: 'TaskMetrics', namespaced: true },
    ]);
    const { body: groups } = await server.get('/apis');
    const named = groups.groups.map(({ name }: { name: string }) => name);
    expect(named.indexOf('metrics.k8s.io')).toBeGreaterThan(named.indexOf('gantry.dev'));
    const { body: document } = await server.get('/openapi/v3/apis/metrics.k8s.io/v1beta1');
    expect(Object.keys(document.components.schemas)).toContain('io.k8s.api.metrics.v1beta1.NodeMetrics');
    expect(document.paths['/apis/metrics.k8s.io/v1beta1/nodes'].post).toBeUndefined();
  });
});
