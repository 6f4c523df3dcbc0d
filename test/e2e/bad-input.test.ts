import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job, Task } from '../../api/kinds/resources.ts';
import { isAlive, signal } from '../../cluster/process-identity.ts';
import { eventually, LocalCluster } from './local-cluster.ts';

function batch(name: string, container: object, spec: object = {}): string {
  return JSON.stringify({
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      type: 'Batch',
      backoffLimit: 0,
      ...spec,
      template: { spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'main', ...container }] } },
    },
  });
}

describe('bad input on a running cluster', () => {
  const cluster = new LocalCluster('bad');
  beforeAll(() => cluster.up('--etcd'));
  afterAll(() => cluster.remove());

  const apply = (manifest: string) => cluster.gantry(['apply', '-f', '-'], { input: manifest });
  const task = (name: string) => cluster.json<Task>('get', 'task', name);

  it.each([
    ['broken YAML', 'kind: Job\nmetadata: {name: web\n', /-?:\d+:\d+/],
    [
      'an unknown kind',
      'apiVersion: gantry.dev/v1\nkind: Jobb\nmetadata: {name: a}\n',
      /Jobb.*did you mean.*Job/s,
    ],
    [
      'a typo in a field',
      batch('typo', { image: 'busybox', comand: ['true'] }),
      /spec\.template\.spec\.containers\[0\]\.comand.*did you mean.*command/s,
    ],
    ['a wrong type', batch('wrong', { image: 'busybox' }, { completions: 'three' }), /spec\.completions/],
    [
      'a negative quantity',
      batch('negative', { image: 'busybox', resources: { requests: { cpu: '-5' } } }),
      /spec\.template\.spec\.containers\[0\]\.resources\.requests\[?\.?cpu.*negative/s,
    ],
    [
      'an absurd quantity',
      batch('absurd', { image: 'busybox', resources: { requests: { memory: '1Ei000' } } }),
      /memory/,
    ],
    ['a name that climbs', batch('../../etc', { image: 'busybox' }), /metadata\.name|name/],
    [
      'a prototype key',
      '{"apiVersion":"gantry.dev/v1","kind":"Job","metadata":{"name":"p"},"__proto__":{"x":1}}',
      /__proto__/,
    ],
  ])('%s is refused with its place, and nothing is stored', async (_what, manifest, message) => {
    const before = (await cluster.succeed('get', 'jobs', '-o', 'name')).stdout;
    const { exitCode, stderr } = await apply(manifest);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(message);
    expect((await cluster.succeed('get', 'jobs', '-o', 'name')).stdout).toBe(before);
  });

  it('an image that does not exist leaves the task waiting with the reason', async () => {
    await apply(batch('noimage', { image: 'nowhere:1', command: ['true'] }));
    const waiting = await eventually(
      'a reason',
      async () => (await task('noimage-0-0')).status.containerStatuses?.[0]?.state.waiting,
    );
    expect(`${waiting.reason} ${waiting.message}`).toMatch(/image.*nowhere/is);
    await cluster.succeed('delete', 'job', 'noimage');
  });

  it('a command that does not exist fails the task with the text of the runtime', async () => {
    await apply(batch('nocommand', { image: 'busybox', command: ['/bin/nope'] }));
    const terminated = await eventually(
      'it failed',
      async () => (await task('nocommand-0-0')).status.containerStatuses?.[0]?.state.terminated,
    );
    expect(terminated).toMatchObject({ reason: 'ContainerCannotRun' });
    expect(terminated.message).toMatch(/nope/);
  });

  it('a task larger than any node stays pending with the reason and the closest node', async () => {
    await apply(
      batch('huge', { image: 'busybox', command: ['true'], resources: { requests: { cpu: '1000' } } }),
    );
    const pending = await eventually('a reason', async () => (await task('huge-0-0')).status.pending);
    expect(pending.message).toMatch(/cpu/);
    expect(pending.closest?.short['cpu']).toBeDefined();
    expect((await cluster.succeed('describe', 'task', 'huge-0-0')).stdout).toMatch(/FailedScheduling/);
    await cluster.succeed('delete', 'job', 'huge');
  });

  it('a port that is taken on every node keeps the second task pending', async () => {
    const port = { image: 'busybox', command: ['sleep', '1000'], ports: [{ containerPort: 8099 }] };
    await apply(batch('ports', port, { completions: 4 }));
    const pending = await eventually('one is pending for its port', async () => {
      const { items } = await cluster.json<{ items: Task[] }>('get', 'tasks', '-l', 'gantry.dev/job=ports');
      return (
        items.filter(({ spec }) => spec.nodeName !== undefined).length === 3 &&
        items.find(({ status }) => status.pending)?.status.pending
      );
    });
    expect(pending.message).toMatch(/port/);
    await cluster.succeed('delete', 'job', 'ports');
  });

  it('up refuses a port that is taken, naming it', async () => {
    const other = new LocalCluster('bad-port');
    const { exitCode, stderr } = await other.gantry([
      'up',
      '--name',
      other.name,
      '--nodes',
      '0',
      '--port',
      String(cluster.record.apiPort),
    ]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(`--port ${cluster.record.apiPort}`);
    expect(existsSync(other.directory) || existsSync(other.runDirectory)).toBe(false);
    await other.remove();
  });

  it('up that fails names the part and shows the end of its log, and down cleans up after it', async () => {
    const other = new LocalCluster('bad-store');
    const { exitCode, stderr } = await other.gantry([
      'up',
      '--name',
      other.name,
      '--nodes',
      '0',
      '--store',
      'etcd://127.0.0.1:9',
      '--wait',
      '3s',
    ]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/last lines of .*apiserver\.log:\n.*etcd cannot be reached/s);
    expect(stderr).toMatch(/error: apiserver did not become ready within 3 s/);
    await other.remove();
    expect(other.traces()).toEqual([]);
  });

  it('a manifest that is not there is an error with its path', async () => {
    const { exitCode, stderr } = await cluster.gantry(['apply', '-f', '/nowhere/x.yaml']);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('/nowhere/x.yaml');
  });

  it('a body of 5 MB is refused, and the server goes on', async () => {
    const file = join(cluster.directory, 'big.yaml');
    writeFileSync(
      file,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'big' },
        data: { text: 'x'.repeat(5_000_000) },
      }),
    );
    const { exitCode, stderr } = await cluster.gantry(['apply', '-f', file]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/large|limit/i);
    await cluster.succeed('get', 'nodes');
  });

  it('etcd killed while writing: an error one can read, no acknowledged job is lost, and writing goes on after it is back', async () => {
    const etcd = cluster.parts.parts['etcd-0'];
    if (!etcd) throw new Error('no etcd part');
    const acknowledged: string[] = [];
    const writing = (async () => {
      for (let index = 0; index < 30; index++) {
        const { exitCode, stderr } = await apply(
          batch(`durable-${index}`, { image: 'busybox', command: ['true'] }, { suspend: true }),
        );
        if (exitCode === 0) acknowledged.push(`job.gantry.dev/durable-${index}`);
        else expect(stderr).toMatch(/error: /);
      }
    })();
    await eventually('some are written', () => acknowledged.length >= 3);
    signal(etcd, 'SIGKILL');
    await writing;
    await eventually('etcd is back', () => {
      const now = cluster.parts.parts['etcd-0'];
      return now !== undefined && now.pid !== etcd.pid && isAlive(now);
    });
    const { items } = await eventually('the API answers', () =>
      cluster.json<{ items: Job[] }>('get', 'jobs'),
    );
    const stored = new Set(items.map(({ metadata }) => `job.gantry.dev/${metadata.name}`));
    expect(acknowledged.filter((name) => !stored.has(name))).toEqual([]);
    expect((await apply(batch('after', { image: 'busybox', command: ['true'] }))).exitCode).toBe(0);
    await cluster.succeed('wait', 'job/after', '--for=condition=Complete', '--timeout=60s');
  });
});
