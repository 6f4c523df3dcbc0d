import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addNode, nodeUser, TestServer, taskDraft, tasks } from './test-server.ts';

const core = (namespace: string, plural: string, name: string): string =>
  `/api/v1/namespaces/${namespace}/${plural}/${name}`;

describe('ConfigMaps and Secrets, as a node sees them', () => {
  let server: TestServer;

  async function addObject(namespace: string, kind: 'ConfigMap' | 'Secret', name: string): Promise<void> {
    const url = `/api/v1/namespaces/${namespace}/${kind.toLowerCase()}s`;
    await server.post(url, { apiVersion: 'v1', kind, metadata: { name } });
  }

  /** A task on `node` that refers to objects in every way there is. */
  async function addTask(name: string, node: string, prefix: string): Promise<void> {
    const draft = taskDraft(name) as { spec: { containers: object[] } };
    const spec = {
      volumes: [
        { name: 'v1', configMap: { name: `${prefix}-volume` } },
        { name: 'v2', secret: { secretName: `${prefix}-volume` } },
      ],
      containers: [
        {
          ...draft.spec.containers[0],
          env: [{ name: 'A', valueFrom: { secretKeyRef: { name: `${prefix}-key`, key: 'a' } } }],
          envFrom: [{ configMapRef: { name: `${prefix}-all` } }],
        },
      ],
      initContainers: [
        { name: 'init', command: ['true'], envFrom: [{ secretRef: { name: `${prefix}-init` } }] },
      ],
    };
    expect((await server.post(tasks, { ...draft, spec })).status).toBe(201);
    const target = { kind: 'Node', name: node };
    const binding = { apiVersion: 'gantry.dev/v1', kind: 'Binding', metadata: { name }, target };
    expect((await server.post(`${tasks}/${name}/binding`, binding)).status).toBe(201);
  }

  beforeAll(async () => {
    server = await TestServer.start();
    for (const node of ['a', 'b']) await addNode(server, node, { cpu: '4', memory: '1Gi', pods: '10' });
    for (const prefix of ['a', 'b', 'over'])
      for (const kind of ['ConfigMap', 'Secret'] as const)
        for (const use of ['volume', 'key', 'all', 'init'])
          await addObject('default', kind, `${prefix}-${use}`);
    await server.post('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'other' },
    });
    await addObject('other', 'Secret', 'a-volume');
    await addTask('ta', 'a', 'a');
    await addTask('tb', 'b', 'b');
    await addTask('over', 'a', 'over');
    await server.mergePatch(`${tasks}/over/status`, { status: { phase: 'Succeeded' } });
    await addTask('missing', 'a', 'nowhere');
  });
  afterAll(() => server.close());

  test.each([
    ['of a volume of its task', 'a', 'default', 'configmaps', 'a-volume', 200],
    ['of a secret volume of its task', 'a', 'default', 'secrets', 'a-volume', 200],
    ['of a variable of its task', 'a', 'default', 'secrets', 'a-key', 200],
    ['of all variables of its task', 'a', 'default', 'configmaps', 'a-all', 200],
    ['of an init container of its task', 'a', 'default', 'secrets', 'a-init', 200],
    ['of the same name but another kind', 'a', 'default', 'configmaps', 'a-key', 403],
    ["of another node's task", 'a', 'default', 'secrets', 'b-volume', 403],
    ['of that task, by its own node', 'b', 'default', 'secrets', 'b-volume', 200],
    ['in another namespace', 'a', 'other', 'secrets', 'a-volume', 403],
    ['of a task that is over', 'a', 'default', 'secrets', 'over-volume', 403],
    ['that its task needs and is not there', 'a', 'default', 'secrets', 'nowhere-key', 404],
    ['that is not there and nobody of its tasks needs', 'a', 'default', 'secrets', 'guessed', 403],
    ['by a node without tasks', 'c', 'default', 'configmaps', 'a-volume', 403],
  ])('%s', async (_what, node, namespace, plural, name, status) => {
    const answer = await server.get(core(namespace, plural, name), { user: nodeUser(node) });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.body.message).toContain('tasks bound to it');
  });

  test('are neither listed, watched, written nor deleted', async () => {
    const options = { user: nodeUser('a') };
    const url = core('default', 'secrets', 'a-volume');
    const list = '/api/v1/namespaces/default/secrets';
    const answers = [
      await server.get(list, options),
      await server.get(`${list}?fieldSelector=metadata.name%3Da-volume`, options),
      await server.get(`${list}?watch=true`, options),
      await server.mergePatch(url, { data: {} }, options),
      await server.delete(url, undefined, options),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403]);
  });
});
