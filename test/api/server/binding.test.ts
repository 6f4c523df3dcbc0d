/** Binding (contract R6): the sum of bound requests never exceeds what a node has, at any revision. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAllocation, sumOf } from '../../../api/server/allocation.ts';
import { registryPrefix } from '../../../api/server/keys.ts';
import type { Store } from '../../../api/store/store.ts';
import { stores } from '../../kit/stores.ts';
import { addNode, nodeUser, TestServer, taskDraft, tasks } from './test-server.ts';

const plans = '/apis/gantry.dev/v1/plans';

function bindingOf(name: string, node: string, uid?: string): object {
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Binding',
    metadata: { name, ...(uid ? { uid } : {}) },
    target: { kind: 'Node', name: node },
  };
}

const bind = (server: TestServer, name: string, node: string, uid?: string) =>
  server.post(`${tasks}/${name}/binding`, bindingOf(name, node, uid));

async function allocationOf(server: TestServer, node: string): Promise<ReturnType<typeof readAllocation>> {
  const { kv } = await server.store.get(`/registry/allocations/${node}`);
  return readAllocation(kv);
}

describe('binding a task', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
    await addNode(server, 'n1', { cpu: '1', memory: '1Gi', pods: '3' });
  });
  afterAll(() => server.close());

  it('sets the node and the condition, clears what was pending, sets resources aside', async () => {
    const { body: task } = await server.post(
      tasks,
      taskDraft('first', { cpu: '300m', memory: '64Mi' }, 8080),
    );
    await server.mergePatch(`${tasks}/first/status`, {
      status: { pending: { reason: 'NoNodes', message: 'x', since: '2026-01-01T00:00:00Z' } },
    });
    const { status, body } = await bind(server, 'first', 'n1', task.metadata.uid);
    expect({ status, outcome: body.status }).toEqual({ status: 201, outcome: 'Success' });
    const { body: bound } = await server.get(`${tasks}/first`);
    expect(bound.spec.nodeName).toBe('n1');
    expect(bound.status.pending).toBeUndefined();
    expect(bound.status.conditions).toMatchObject([{ type: 'Scheduled', status: 'True' }]);
    expect((await allocationOf(server, 'n1')).tasks).toEqual({
      'default/first': {
        uid: task.metadata.uid,
        requests: { cpu: 300, memory: 64 * 1024 ** 2, pods: 1 },
        ports: ['TCP/8080'],
      },
    });
  });

  it('is refused with the numbers when it does not fit', async () => {
    await server.post(tasks, taskDraft('big', { cpu: '800m' }));
    const { status, body } = await bind(server, 'big', 'n1');
    expect({ status, reason: body.reason }).toEqual({ status: 409, reason: 'Conflict' });
    expect(body.message).toContain('it needs cpu 800m, and 700m of 1 is free');
  });

  it.each([
    [
      'to a port that is taken',
      () => server.post(tasks, taskDraft('port', {}, 8080)).then(() => bind(server, 'port', 'n1')),
      409,
      'port TCP/8080 is taken by task default/first',
    ],
    [
      'of a resource the node does not have',
      () =>
        server
          .post(tasks, taskDraft('gpu', { 'example.com/gpu': '1' }))
          .then(() => bind(server, 'gpu', 'n1')),
      409,
      'it needs example.com/gpu 1',
    ],
    ['of a task that is bound', () => bind(server, 'first', 'n1'), 409, 'already bound to node n1'],
    [
      'of a task that is another by now',
      () => server.post(tasks, taskDraft('other')).then(() => bind(server, 'other', 'n1', 'old-uid')),
      409,
      'UID in precondition',
    ],
    [
      'of a task that does not exist',
      () => bind(server, 'none', 'n1'),
      404,
      'tasks.gantry.dev "none" not found',
    ],
    ['to a node that does not exist', () => bind(server, 'other', 'n9'), 404, 'nodes "n9" not found'],
    [
      'without a target',
      () => server.post(`${tasks}/other/binding`, { metadata: { name: 'other' } }),
      400,
      'target.name',
    ],
  ] as const)('%s is refused', async (_case, act, code, message) => {
    const { status, body } = await act();
    expect(status).toBe(code);
    expect(body.message).toContain(message);
  });

  it('in bulk succeeds or fails item by item', async () => {
    for (const name of ['bulk-a', 'bulk-b', 'bulk-c'])
      await server.post(tasks, taskDraft(name, { cpu: '300m' }));
    const items = ['bulk-a', 'missing', 'bulk-b', 'bulk-c'].map((name) => ({
      namespace: 'default',
      name,
      node: 'n1',
    }));
    const { status, body } = await server.post(plans, { binds: items });
    expect(status).toBe(200);
    expect(body.binds.map((item: { status?: { reason: string } }) => item.status?.reason)).toEqual([
      undefined,
      'NotFound',
      undefined,
      'Conflict',
    ]);
  });

  it('frees what it took when the task is over, in the same revision', async () => {
    await server.mergePatch(
      `${tasks}/bulk-a/status`,
      { status: { phase: 'Running' } },
      { user: nodeUser('n1') },
    );
    expect(Object.keys((await allocationOf(server, 'n1')).tasks)).toContain('default/bulk-a');
    const { body } = await server.mergePatch(
      `${tasks}/bulk-a/status`,
      { status: { phase: 'Succeeded' } },
      { user: nodeUser('n1') },
    );
    const { kv } = await server.store.get('/registry/allocations/n1');
    expect(Object.keys(readAllocation(kv).tasks)).not.toContain('default/bulk-a');
    expect(String(kv?.modRevision)).toBe(body.metadata.resourceVersion);
  });

  it('is held by a task being deleted until the agent says it is gone', async () => {
    const { body } = await server.delete(`${tasks}/bulk-b`);
    expect(body.metadata).toMatchObject({ name: 'bulk-b', deletionGracePeriodSeconds: 30 });
    expect(Object.keys((await allocationOf(server, 'n1')).tasks)).toContain('default/bulk-b');
    const gone = await server.delete(
      `${tasks}/bulk-b`,
      { gracePeriodSeconds: 0, preconditions: { uid: body.metadata.uid } },
      { user: nodeUser('n1') },
    );
    expect(gone.body.status).toBe('Success');
    expect(Object.keys((await allocationOf(server, 'n1')).tasks)).not.toContain('default/bulk-b');
  });

  it('is given back by many tasks that end at the same moment', async () => {
    await addNode(server, 'n2', { cpu: '10', pods: '100' });
    const names = Array.from({ length: 40 }, (_, n) => `many-${n}`);
    for (const name of names) await server.post(tasks, taskDraft(name));
    const items = names.map((name) => ({ namespace: 'default', name, node: 'n2' }));
    await server.post(plans, { binds: items });
    const ended = await Promise.all(
      names.map((name) => server.mergePatch(`${tasks}/${name}/status`, { status: { phase: 'Succeeded' } })),
    );
    expect(new Set(ended.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await allocationOf(server, 'n2')).tasks).toEqual({});
  });

  it('is not waited for by a task that nobody runs', async () => {
    expect((await server.delete(`${tasks}/big`)).body.status).toBe('Success');
    expect((await server.delete(`${tasks}/bulk-a`)).body.status).toBe('Success');
  });
});

describe('racing schedulers', () => {
  it.each(stores)(
    'on several servers over %s never over-commit a node at any revision',
    async (_name, open) => {
      const { store, stop } = await open();
      const servers = await Promise.all([1, 2, 3].map(() => TestServer.start({ store, batchWrites: true })));
      const first = servers[0]!;
      const [nodeNames, taskCount] = [['a', 'b', 'c'], 60];
      for (const name of nodeNames) await addNode(first, name, { cpu: '1', pods: '10' });
      const { revision: start } = await store.get(registryPrefix);
      await Promise.all(
        Array.from({ length: taskCount }, (_, n) =>
          first.post(
            tasks,
            taskDraft(`t${n}`, { cpu: `${(n % 3) * 50 + 50}m` }, n % 7 === 0 ? 8000 : undefined),
          ),
        ),
      );
      const results = await Promise.all(
        servers.flatMap((server, s) =>
          Array.from({ length: taskCount }, async (_, n) => {
            if (n % 2 === 0) return bind(server, `t${n}`, nodeNames[(n + s) % 3]!);
            const items = [0, 1].map((k) => ({
              namespace: 'default',
              name: `t${(n + k) % taskCount}`,
              node: nodeNames[(n + s) % 3],
            }));
            return server.post(plans, { binds: items });
          }),
        ),
      );
      await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          first.mergePatch(`${tasks}/t${n}/status`, { status: { phase: 'Failed' } }),
        ),
      );
      expect(results.some(({ status }) => status === 201)).toBe(true);
      expect(new Set(results.map(({ status }) => status))).not.toContain(500);
      const history = await foldHistory(store, start);
      expect(history.revisions).toBeGreaterThan(10);
      expect(history.broken).toEqual([]);
      for (const server of servers) await server.server.close();
      await store.close();
      await stop();
    },
  );
});

/** Replays every revision: what is bound to a node must be its allocation record and fit into the node. */
async function foldHistory(store: Store, start: number): Promise<{ revisions: number; broken: string[] }> {
  const { revision: end } = await store.get(registryPrefix);
  const broken: string[] = [];
  for (let revision = start; revision <= end; revision++) {
    const bound = new Map<string, string[]>();
    for (const { value } of (await store.list('/registry/gantry.dev/tasks/', { revision })).items) {
      const { metadata, spec, status } = JSON.parse(value.toString());
      if (spec.nodeName === undefined || ['Succeeded', 'Failed'].includes(status.phase)) continue;
      bound.set(spec.nodeName, [
        ...(bound.get(spec.nodeName) ?? []),
        `${metadata.namespace}/${metadata.name}`,
      ]);
    }
    for (const { value, key } of (await store.list('/registry/core/nodes/', { revision })).items) {
      const node = JSON.parse(value.toString()).metadata.name;
      const { kv } = await store.get(`/registry/allocations/${node}`, { revision });
      const allocation = readAllocation(kv);
      const used = sumOf(allocation);
      const held = Object.keys(allocation.tasks).sort().join();
      const wanted = (bound.get(node) ?? []).sort().join();
      if (held !== wanted) broken.push(`${revision}: ${key} holds ${held}, bound are ${wanted}`);
      if ((used['cpu'] ?? 0) > 1000 || (used['pods'] ?? 0) > 10)
        broken.push(`${revision}: ${key} is over-committed`);
      const ports = Object.values(allocation.tasks).flatMap((task) => task.ports);
      if (new Set(ports).size !== ports.length) broken.push(`${revision}: ${key} gave a port twice`);
    }
  }
  return { revisions: end - start, broken };
}

describe('binding a task that shares GPUs', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
    await addNode(server, 'g1', { cpu: '8', pods: '20' });
    const devices = [{ name: 'gpu0' }, { name: 'gpu1' }];
    await server.mergePatch('/api/v1/nodes/g1/status', { status: { devices } });
  });
  afterAll(() => server.close());

  const share = async (name: string, milli: number) => {
    await server.post(tasks, taskDraft(name, { 'gantry.dev/gpu-milli': `${milli}` }));
    return bind(server, name, 'g1');
  };

  it('says which, on the task and in the record, and never gives more of one than there is', async () => {
    expect((await share('a', 600)).status).toBe(201);
    expect((await share('b', 600)).status).toBe(201);
    const refused = await share('c', 600);
    expect(refused.status).toBe(409);
    expect(refused.body.message).toContain('no device has so much free');
    expect((await share('d', 400)).status).toBe(201);
    const devices = async (name: string) => (await server.get(`${tasks}/${name}`)).body.spec.devices;
    expect([await devices('a'), await devices('b'), await devices('d')]).toEqual([
      { gpu0: 600 },
      { gpu1: 600 },
      { gpu0: 400 },
    ]);
    const record = await allocationOf(server, 'g1');
    expect(record.tasks['default/d']?.devices).toEqual({ gpu0: 400 });
    await server.delete(`${tasks}/a?gracePeriodSeconds=0`);
    expect((await share('whole', 1000)).status).toBe(409);
  });

  it('that chose its devices itself is refused', async () => {
    const draft = structuredClone(taskDraft('chooser', { 'gantry.dev/gpu-milli': '100' }));
    Object.assign((draft as { spec: object }).spec, { devices: { gpu0: 100 } });
    const { status } = await server.post(tasks, draft);
    expect(status).toBe(422);
  });

  it('one and a half devices are refused', async () => {
    const { status, body } = await server.post(tasks, taskDraft('odd', { 'gantry.dev/gpu-milli': '1500' }));
    expect(status).toBe(422);
    expect(body.message).toContain('must be a multiple');
  });
});
