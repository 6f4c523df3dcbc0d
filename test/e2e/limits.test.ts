import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../api/kinds/resources.ts';
import { sleep, systemClock } from '../../api/meta/clock.ts';
import { eventually, LocalCluster } from './local-cluster.ts';

/** cpuacct (v1) or cpu.stat (v2) of the container's cgroup, in seconds. */
function cpuSeconds(pid: number): number {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  const v1 = lines.find(([, controllers = '']) => controllers.split(',').includes('cpuacct'));
  if (v1) return Number(readFileSync(`/sys/fs/cgroup/cpuacct${v1[2]}/cpuacct.usage`, 'utf8')) / 1e9;
  const unified = lines.find(([id]) => id === '0')?.[2] ?? '';
  const usage = /usage_usec (\d+)/.exec(readFileSync(`/sys/fs/cgroup${unified}/cpu.stat`, 'utf8'))?.[1];
  return Number(usage) / 1e6;
}

async function measuredCores(pid: number): Promise<number> {
  const [usedBefore, startMs] = [cpuSeconds(pid), systemClock.monotonicMs()];
  await sleep(systemClock, 4000);
  return (cpuSeconds(pid) - usedBefore) / ((systemClock.monotonicMs() - startMs) / 1000);
}

describe('limits of real containers', () => {
  const cluster = new LocalCluster('limits');
  beforeAll(() => cluster.up());
  afterAll(() => cluster.remove());

  it('end a task that eats more memory than its limit as OOMKilled with 137', async () => {
    await cluster.succeed('apply', '-f', 'manifests/03-limits.yaml');
    const task = await eventually('the eater is over', async () => {
      const found = await cluster.json<Task>('get', 'task', 'eater-0-0');
      return found.status.phase === 'Failed' && found;
    });
    const terminated = task.status.containerStatuses?.[0]?.state.terminated;
    expect(terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    expect((await cluster.succeed('get', 'task', 'eater-0-0', '--no-headers')).stdout).toContain('OOMKilled');
  });

  it('throttle a busy task to 0.30 ± 0.03 cores', async () => {
    const task = await eventually('the busy task runs', async () => {
      const found = await cluster.json<Task>('get', 'task', 'throttled-0-0');
      return found.status.phase === 'Running' && found;
    });
    const pid = task.status.containerStatuses?.[0]?.pid as number;
    const cores = await eventually(
      'a measurement within bounds',
      async () => {
        const measured = await measuredCores(pid);
        return Math.abs(measured - 0.3) <= 0.03 && measured;
      },
      30_000,
    );
    expect(cores).toBeCloseTo(0.3, 1);
  });

  it('hold for fifty tasks on three nodes, and all traces are gone after delete', async () => {
    await cluster.succeed('delete', 'job', 'throttled', 'eater');
    const many = JSON.stringify({
      apiVersion: 'gantry.dev/v1',
      kind: 'Job',
      metadata: { name: 'many' },
      spec: {
        type: 'Service',
        replicas: 50,
        template: {
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'main',
                command: ['sleep', '1000'],
                resources: { requests: { cpu: '10m', memory: '4Mi' } },
              },
            ],
          },
        },
      },
    });
    await cluster.gantry(['apply', '-f', '-'], { input: many });
    await cluster.succeed('wait', 'job/many', '--for=jsonpath={.status.readyReplicas}=50', '--timeout=90s');
    const { items } = await cluster.json<{ items: Task[] }>('get', 'tasks');
    expect(new Set(items.map(({ spec }) => spec.nodeName)).size).toBe(3);
    const directories = items.map(({ metadata }) => metadata.uid as string);
    await cluster.succeed('delete', 'job', 'many');
    await eventually(
      'no task is left',
      async () => (await cluster.json<{ items: Task[] }>('get', 'tasks')).items.length === 0,
    );
    const left = await eventually(
      'no container is left',
      () => {
        const traces = cluster
          .traces()
          .filter((line) => directories.some((uid) => line.includes(uid)) || line.includes('conmon'));
        return traces.length === 0 && { traces };
      },
      20_000,
    );
    expect(left.traces).toEqual([]);
  });
});
