/** Two clusters of one name, from two homes on one machine, do not meet. */
import { mkdirSync, rmdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Task } from '../../api/kinds/resources.ts';
import { LocalCluster } from './local-cluster.ts';

const job = JSON.stringify({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name: 'one' },
  spec: {
    type: 'Service',
    replicas: 1,
    template: { spec: { containers: [{ name: 'main', command: ['sleep', '100000'] }] } },
  },
});
const twins = [new LocalCluster('twin'), new LocalCluster('twin')] as const;

beforeAll(async () => {
  for (const twin of twins) {
    await twin.up('--nodes', '1');
    await twin.gantry(['apply', '-f', '-'], { input: job });
    await twin.succeed('wait', 'job/one', '--for=jsonpath={.status.readyReplicas}=1', '--timeout=60s');
  }
});
afterAll(async () => {
  for (const twin of twins) await twin.remove();
});

it('neither sees the other, and the end of one leaves the other as it was', async () => {
  const [first, second] = twins;
  const pidOf = async (twin: LocalCluster): Promise<number | undefined> => {
    const { items } = await twin.json<{ items: Task[] }>('get', 'tasks');
    return items[0]?.status.containerStatuses?.[0]?.pid;
  };
  const before = await pidOf(second);
  expect(await pidOf(first)).not.toBe(before);
  await first.succeed('down', '--name', first.name);
  expect(first.traces()).toEqual([]);
  expect(await pidOf(second)).toBe(before);
  expect(() => process.kill(before ?? 0, 0)).not.toThrow();
  expect((await second.succeed('exec', 'task/one-0-0', '--', 'echo', 'here')).stdout.trim()).toBe('here');
});

it('up takes nothing that is there under its names and not recorded as its own, and says what', async () => {
  const stranger = new LocalCluster('twin');
  mkdirSync(stranger.runDirectory, { recursive: true });
  const { exitCode, stderr } = await stranger.gantry(['up', '--name', stranger.name, '--nodes', '1']);
  rmdirSync(stranger.runDirectory);
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain(`cluster twin needs ${stranger.runDirectory}, there already and not recorded`);
  expect(stranger.traces()).toEqual([]);
  await stranger.remove();
});
