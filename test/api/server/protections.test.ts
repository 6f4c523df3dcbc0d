import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeUser, TestServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

describe('the server protects', () => {
  test.each(['default', 'kube-system', 'kube-node-lease'])('the namespace %s from deletion', async (name) => {
    const { status, body } = await server.delete(`/api/v1/namespaces/${name}`);
    expect([status, body.reason]).toEqual([403, 'Forbidden']);
    expect(body.message).toContain('may not be deleted');
  });
});

describe('node a, on a task bound to node b', () => {
  const tasks = '/apis/gantry.dev/v1/namespaces/default/tasks';
  const user = nodeUser('a');
  const running = { status: { phase: 'Running' } };

  beforeAll(async () => {
    for (const name of ['a', 'b']) {
      await server.post('/api/v1/nodes', { metadata: { name } });
      const capacity = { cpu: '4', memory: '4Gi', pods: '10' };
      await server.mergePatch(`/api/v1/nodes/${name}/status`, {
        status: { capacity, allocatable: capacity },
      });
      await server.post(tasks, {
        metadata: { name },
        spec: { containers: [{ name: 'main', image: 'busybox' }] },
      });
      const binding = { metadata: { name }, target: { kind: 'Node', name } };
      expect((await server.post(`${tasks}/${name}/binding`, binding)).status).toBe(201);
    }
  });

  test('is refused everything', async () => {
    const answers = await Promise.all([
      server.get(`${tasks}/b`, { user }),
      server.get(tasks, { user }),
      server.get(`${tasks}?fieldSelector=spec.nodeName%3Db`, { user }),
      server.get(`${tasks}?watch=true&fieldSelector=spec.nodeName%3Db`, { user }),
      server.mergePatch(`${tasks}/b/status`, running, { user }),
      server.mergePatch(`${tasks}/b`, { metadata: { labels: { a: 'b' } } }, { user }),
      server.delete(`${tasks}/b`, undefined, { user }),
      server.delete(`${tasks}?fieldSelector=spec.nodeName%3Da`, undefined, { user }),
      server.post(
        `${tasks}/b/binding`,
        { metadata: { name: 'b' }, target: { kind: 'Node', name: 'a' } },
        { user },
      ),
      server.mergePatch('/api/v1/nodes/b/status', { status: { phase: 'x' } }, { user }),
      server.delete('/api/v1/nodes/b', undefined, { user }),
      server.get('/api/v1/namespaces/default/secrets', { user }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
    expect((await server.get(`${tasks}/b`)).body.status.phase).toBe('Pending');
  });

  test('does its own work on its own', async () => {
    expect((await server.get(`${tasks}?fieldSelector=spec.nodeName%3Da`, { user })).body.items).toHaveLength(
      1,
    );
    expect((await server.mergePatch(`${tasks}/a/status`, running, { user })).status).toBe(200);
    const lease = { metadata: { name: 'a' }, spec: { holderIdentity: 'a' } };
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    expect((await server.post(leases, lease, { user })).status).toBe(201);
    expect((await server.post(leases, { ...lease, metadata: { name: 'b' } }, { user })).status).toBe(403);
  });
});
