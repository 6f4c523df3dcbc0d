/** A node whose machine shuts down, or that is drained: its tasks end in the order of their bands and run elsewhere. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Event, Node, Task } from '../../api/kinds/resources.ts';
import { conditionOf } from '../../api/meta/conditions.ts';
import { signal } from '../../cluster/process-identity.ts';
import { eventually, LocalCluster } from './local-cluster.ts';

const cluster = new LocalCluster('shutdown');
const bands = { spare: 'best-effort', sums: 'batch', web: 'production' };

/** Takes a second to end, so that one can see who ended first. */
const jobs = Object.entries(bands).map(([name, priorityClassName]) => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    type: 'Service',
    replicas: 1,
    priorityClassName,
    template: {
      spec: {
        terminationGracePeriodSeconds: 10,
        containers: [
          {
            name: 'main',
            command: ['sh', '-c', 'trap "sleep 1.2; exit 0" TERM; while :; do sleep 0.1; done'],
          },
        ],
      },
    },
  },
}));

beforeAll(async () => {
  await cluster.up('--nodes', '2');
  await cluster.succeed('cordon', 'n2');
  await cluster.gantry(['apply', '-f', '-'], {
    input: jobs.map((job) => JSON.stringify(job)).join('\n---\n'),
  });
  await everyJobRunsOn('n1');
  await cluster.succeed('uncordon', 'n2');
});
afterAll(() => cluster.remove());

async function tasks(): Promise<Task[]> {
  return (await cluster.json<{ items: Task[] }>('get', 'tasks')).items;
}

function everyJobRunsOn(node: string): Promise<unknown> {
  return eventually(`every job runs on ${node}`, async () => {
    const running = (await tasks()).filter(
      ({ spec, status }) => status.phase === 'Running' && spec.nodeName === node,
    );
    return new Set(running.map(({ spec }) => spec.job)).size === jobs.length;
  });
}

async function readiness(node: string): Promise<string | undefined> {
  const { status } = await cluster.json<Node>('get', 'node', node);
  const ready = conditionOf(status.conditions, 'Ready');
  return `${ready?.status} ${ready?.reason}`;
}

it('ends its tasks band after band when the machine shuts down, is not ready, and they run elsewhere', async () => {
  const agent = cluster.parts.parts['node-n1'];
  if (!agent) throw new Error('n1 has no agent');
  signal(agent, 'SIGPWR');
  await eventually('n1 says so', async () => (await readiness('n1')) === 'False NodeShutdown');
  await everyJobRunsOn('n2');
  const events = await cluster.json<{ items: Event[] }>(
    'get',
    'events',
    '--field-selector=reason=NodeShutdown',
  );
  const told = events.items.map(
    ({ lastTimestamp = '', involvedObject }) => `${lastTimestamp} ${involvedObject.name}`,
  );
  expect(told.sort().map((line) => line.split(' ')[1])).toEqual(['spare-0-0', 'sums-0-0', 'web-0-0']);
  // The agent stays to say so; one that starts anew, as with the machine, is ready again.
  expect(cluster.parts.parts['node-n1']?.pid).toBe(agent.pid);
  signal(agent, 'SIGTERM');
  await eventually('n1 is back', async () => (await readiness('n1')) === 'True AgentReady');
});

it('is drained band after band, too', async () => {
  const { stdout } = await cluster.succeed('drain', 'n2', '--timeout', '60s');
  expect(stdout.split('\n').filter((line) => line.includes('evicted'))).toEqual(
    Object.entries(bands).map(([job, band]) =>
      expect.stringMatching(`^default/${job}-0-\\d evicted \\(${band}\\)$`),
    ),
  );
  expect(stdout).toContain('node/n2 drained');
  await everyJobRunsOn('n1');
});
