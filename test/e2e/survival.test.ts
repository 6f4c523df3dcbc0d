import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../api/kinds/resources.ts';
import { isAlive, signal } from '../../cluster/process-identity.ts';
import { eventually, LocalCluster } from './local-cluster.ts';
import { powerOffNode } from './power-off.ts';

const service = JSON.stringify({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name: 'six' },
  spec: {
    type: 'Service',
    replicas: 6,
    disconnect: { lostAfterSeconds: 5 },
    template: {
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            command: ['sleep', '100000'],
            resources: { requests: { cpu: '10m', memory: '4Mi' } },
          },
        ],
      },
    },
  },
});

describe.each([
  { store: 'embedded', flags: [] as string[] },
  { store: 'etcd', flags: ['--etcd'] },
])('a service of six on the $store store', ({ store, flags }) => {
  const cluster = new LocalCluster(`s-${store}`);

  beforeAll(async () => {
    await cluster.up(...flags);
    await cluster.gantry(['apply', '-f', '-'], { input: service });
    await cluster.succeed('wait', 'job/six', '--for=jsonpath={.status.readyReplicas}=6', '--timeout=60s');
  });
  afterAll(() => cluster.remove());

  /** `task pid restarts` of every container. */
  async function containers(): Promise<string[]> {
    const { items } = await cluster.json<{ items: Task[] }>('get', 'tasks');
    return items
      .map(
        ({ metadata, status }) =>
          `${metadata.name} ${status.containerStatuses?.[0]?.pid} ${status.containerStatuses?.[0]?.restartCount}`,
      )
      .sort();
  }

  it('keeps its containers while every part is killed in turn, and each part comes back', async () => {
    const before = await containers();
    expect(before).toHaveLength(6);
    for (const name of Object.keys(cluster.parts.parts)) {
      const killed = cluster.parts.parts[name];
      if (!killed) throw new Error(`no part ${name}`);
      signal(killed, 'SIGKILL');
      await eventually(`${name} is started again`, () => {
        const now = cluster.parts.parts[name];
        return now !== undefined && now.pid !== killed.pid && isAlive(now);
      });
      expect(await eventually('the API answers', containers)).toEqual(before);
    }
    await cluster.succeed('scale', 'job/six', '--replicas', '7');
    await cluster.succeed('wait', 'job/six', '--for=jsonpath={.status.readyReplicas}=7', '--timeout=60s');
    await cluster.succeed('scale', 'job/six', '--replicas', '6');
    await eventually('six again', async () => (await containers()).length === 6);
    expect(await containers()).toEqual(before);
  });

  it('outlives its supervisor, which the next up replaces without touching what runs', async () => {
    const before = cluster.parts;
    if (before.supervisor) signal(before.supervisor, 'SIGKILL');
    await cluster.up(...flags);
    expect(cluster.parts.supervisor?.pid).not.toBe(before.supervisor?.pid);
    expect(Object.values(cluster.parts.parts).map(({ pid }) => pid)).toEqual(
      Object.values(before.parts).map(({ pid }) => pid),
    );
  });

  it('runs elsewhere after a node is powered off', async () => {
    const lost = 'n2';
    await powerOffNode(cluster, lost);
    await eventually(
      'n2 is not ready',
      async () => !/^n2\s+Ready/m.test((await cluster.succeed('get', 'nodes', '--no-headers')).stdout),
      60_000,
    );
    await eventually(
      'six ready tasks on the other nodes',
      async () => {
        const { items } = await cluster.json<{ items: Task[] }>('get', 'tasks');
        const ready = items.filter(
          ({ metadata, spec, status }) =>
            spec.nodeName !== lost && status.phase === 'Running' && !metadata.deletionTimestamp,
        );
        return ready.length === 6;
      },
      90_000,
    );
  });
});
