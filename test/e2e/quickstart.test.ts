import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from '../../cluster/process-identity.ts';
import { eventually, LocalCluster } from './local-cluster.ts';

interface Listed {
  items: { metadata: { name: string; uid: string }; status: { phase?: string } }[];
}

describe.each([
  { store: 'embedded', flags: [] as string[] },
  { store: 'etcd', flags: ['--etcd'] },
])('the quickstart on the $store store', ({ store, flags }) => {
  const cluster = new LocalCluster(`q-${store}`);
  let printed = '';

  beforeAll(async () => {
    printed = (await cluster.up(...flags, '-f', 'manifests/quickstart.yaml')).stdout;
  });
  afterAll(() => cluster.remove());

  it('prints numbered steps with timings and the running job', () => {
    expect(printed).toMatch(/^\[1\/7\] machine .* \d+\.\d\d s/m);
    expect(printed).toMatch(/cluster q-\w+ is up after \d+\.\d\d s/);
    expect(printed).toMatch(/web-0-0\s+1\/1\s+Running/);
  });

  it('keeps its data in the store that was asked for', () => {
    expect(cluster.record.store).toMatch(store === 'etcd' ? /^etcd:\/\/127\.0\.0\.1:\d+$/ : /^embedded:\//);
    expect(Object.keys(cluster.parts.parts).some((name) => name.startsWith('etcd-'))).toBe(store === 'etcd');
  });

  it('has three Ready nodes with addresses of their own', async () => {
    const { stdout } = await cluster.succeed('get', 'nodes', '-o', 'wide', '--no-headers');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s{2,}/));
    expect(rows.map(([name, status]) => `${name} ${status}`)).toEqual(['n1 Ready', 'n2 Ready', 'n3 Ready']);
    expect(new Set(cluster.record.nodes.map(({ address, port }) => `${address}:${port}`)).size).toBe(3);
  });

  it('shows logs, one task and the whole job', async () => {
    await eventually('a beat in the log', async () =>
      (await cluster.succeed('logs', 'web-0-0', '--tail', '1')).stdout.startsWith('beat '),
    );
    const { stdout } = await cluster.succeed('logs', 'job/web', '--tail', '1');
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(3);
  });

  it('follows a log', async () => {
    const { stdout } = await cluster.gantry(['logs', 'web-1-0', '-f', '--tail', '1'], { timeout: 4000 });
    expect(stdout.trim().split('\n').length).toBeGreaterThanOrEqual(2);
  });

  it('describes a job with its events', async () => {
    const { stdout } = await cluster.succeed('describe', 'job', 'web');
    expect(stdout).toMatch(/Name:\s+web/);
    expect(stdout).toMatch(/Events:/);
    expect(stdout).toMatch(/SuccessfulCreate/);
  });

  it('scales', async () => {
    await cluster.succeed('scale', 'job', 'web', '--replicas', '5');
    await eventually('five ready tasks', async () =>
      (await cluster.succeed('get', 'job', 'web', '--no-headers')).stdout.includes('5/5'),
    );
    await cluster.succeed('scale', 'job/web', '--replicas', '2');
    await eventually(
      'two tasks left',
      async () => (await cluster.json<Listed>('get', 'tasks')).items.length === 2,
    );
  });

  it('runs a batch to success', async () => {
    await cluster.succeed('apply', '-f', 'manifests/02-batch.yaml');
    await cluster.succeed('wait', 'job/squares', '--for=condition=Complete', '--timeout=60s');
    const { stdout } = await cluster.succeed('logs', 'squares-7-0');
    expect(stdout.trim()).toBe('7 squared is 49');
  });

  it('can be brought up again: what runs stays', async () => {
    const before = cluster.parts;
    const tasks = await cluster.json<Listed>('get', 'tasks');
    await cluster.up(...flags);
    expect(cluster.parts).toEqual(before);
    expect((await cluster.json<Listed>('get', 'tasks')).items.map(({ metadata }) => metadata.uid)).toEqual(
      tasks.items.map(({ metadata }) => metadata.uid),
    );
  });

  it('merges its context into the kubeconfig of the user', async () => {
    expect(readFileSync(cluster.environment['KUBECONFIG'] as string, 'utf8')).toContain(
      `gantry-${cluster.name}`,
    );
    expect((await cluster.kubectl('get', 'gj', 'web', '-o', 'name')).stdout).toBe('job.gantry.dev/web');
  });

  it('goes down without a trace', async () => {
    const { supervisor, parts } = cluster.parts;
    await cluster.succeed('down', '--name', cluster.name);
    expect([supervisor, ...Object.values(parts)].filter((part) => part && isAlive(part))).toEqual([]);
    expect(cluster.traces()).toEqual([]);
    expect(readFileSync(cluster.environment['KUBECONFIG'] as string, 'utf8')).not.toContain(
      `gantry-${cluster.name}`,
    );
  });
});
