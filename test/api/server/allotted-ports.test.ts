/** Ports that are chosen when a task is bound. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allottedPorts, isAllottedPort } from '../../../api/kinds/task-request.ts';
import { addNode, TestServer, tasks } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  for (const node of ['n1', 'n2']) await addNode(server, node, { cpu: '64', memory: '64Gi', pods: '200' });
});
afterAll(() => server.close());

interface Wish {
  name: string;
  node?: string;
  attempt?: number;
  ports?: object[];
}

/** The node ports a task has once it is bound. */
async function portsOf({
  name,
  node = 'n1',
  attempt = 0,
  ports = [{ containerPort: 80, hostPort: 0 }],
}: Wish) {
  const spec = { job: 'web', attempt, containers: [{ name: 'main', command: ['true'], ports }] };
  const { status } = await server.post(tasks, { metadata: { name }, spec });
  expect(status).toBe(201);
  const binding = { metadata: { name }, target: { kind: 'Node', name: node } };
  const { body } = await server.post(`${tasks}/${name}/binding`, binding);
  expect(body.message).toBeUndefined();
  const { body: bound } = await server.get(`${tasks}/${name}`);
  return bound.spec.containers[0].ports.map(({ hostPort }: { hostPort: number }) => hostPort);
}

describe('a port that may be any', () => {
  test('is of the range, held in the allocation record, and never two tasks of a node have the same', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `w${index}`);
    const ports = (await Promise.all(names.map((name) => portsOf({ name })))).flat();
    expect(new Set(ports).size).toBe(20);
    expect(ports.every(isAllottedPort)).toBe(true);
    const { kv } = await server.store.get('/registry/allocations/n1');
    expect(JSON.parse(String(kv?.value)).tasks['default/w0'].ports).toEqual([`TCP/${ports[0]}`]);
  });

  test('is the same on other nodes for tasks of the same job, and another at the next attempt', async () => {
    const [first] = await portsOf({ name: 'a0', node: 'n2' });
    await server.raw('DELETE', `${tasks}/a0?gracePeriodSeconds=0`);
    expect(await portsOf({ name: 'a1', node: 'n2' })).toEqual([first]);
    expect(await portsOf({ name: 'a2', node: 'n2', attempt: 1 })).not.toEqual([first]);
  });

  test('several of one task differ; protocols have their own; ports of a fixed number stay', async () => {
    const ports = [
      { containerPort: 80, hostPort: 0 },
      { containerPort: 81, hostPort: 0 },
      { containerPort: 53, hostPort: 0, protocol: 'UDP' },
      { containerPort: 9000 },
      { containerPort: 82, hostPort: 9001 },
    ];
    const [first, second, udp, plain, fixed] = await portsOf({ name: 'several', node: 'n2', ports });
    expect(first).not.toBe(second);
    expect(isAllottedPort(udp)).toBe(true);
    expect([plain, fixed]).toEqual([undefined, 9001]);
  });

  test('is not to be had when all are taken', async () => {
    await addNode(server, 'full', { cpu: '64', memory: '64Gi', pods: '200' });
    const ports = Array.from({ length: allottedPorts.count }, (_, at) => `TCP/${allottedPorts.first + at}`);
    const record = { tasks: { 'default/other': { uid: 'other', requests: {}, ports } } };
    await server.store.transact({
      compares: [],
      operations: [
        { type: 'put', key: '/registry/allocations/full', value: Buffer.from(JSON.stringify(record)) },
      ],
    });
    const spec = {
      containers: [{ name: 'main', command: ['true'], ports: [{ containerPort: 80, hostPort: 0 }] }],
    };
    await server.post(tasks, { metadata: { name: 'late' }, spec });
    const binding = { metadata: { name: 'late' }, target: { kind: 'Node', name: 'full' } };
    const { status, body } = await server.post(`${tasks}/late/binding`, binding);
    expect(status).toBe(409);
    expect(body.message).toContain('all ports that are allotted are taken');
  });
});
