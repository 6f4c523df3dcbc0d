/** The whole agent on real containers, with an API server reduced to what a client can tell. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Task } from '../../../api/kinds/resources.ts';
import type { Container } from '../../../api/kinds/task-spec.ts';
import { hasReason } from '../../../api/meta/api-error.ts';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { NodeAgent } from '../../../nodeagent/agent.ts';
import { detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { destroyNode } from '../../../nodeagent/destroy.ts';
import { OciRuntime } from '../../../nodeagent/runtime/oci/oci-runtime.ts';
import { TaskRecords } from '../../../nodeagent/task/task-records.ts';
import { FakeCluster } from '../../client/fake-cluster.ts';
import { busyboxImages } from '../../kit/busybox-image.ts';
import { task as taskObject } from '../../kit/nodeagent-objects.ts';
import { eventually, tracesOf } from './machine-traces.ts';

const marker = `gantry-test-${randomBytes(3).toString('hex')}`;
const rootDirectory = mkdtempSync(join(tmpdir(), `${marker}-`));
const runDirectory = `/run/${marker}`;
const cgroupParent = `/${marker}`;

describe('the node agent', () => {
  const { client } = new FakeCluster(systemClock);
  let agent: NodeAgent;
  let imageDirectory = '';

  async function startAgent(): Promise<NodeAgent> {
    const cgroups = await detectCgroups();
    const started = new NodeAgent({
      client,
      node: {
        name: 'n1',
        address: '127.0.0.1',
        memoryBytes: 2 ** 30,
        logDirectory: join(rootDirectory, 'logs'),
        imageDirectory,
        volumeDirectory: join(rootDirectory, 'volumes'),
        cgroupParent,
        ...(cgroups ? { cgroups } : {}),
      },
      runtime: new OciRuntime({ rootDirectory, runDirectory, logger: silentLogger }),
      records: new TaskRecords(rootDirectory, silentLogger),
      events: { record: () => {} },
      logger: silentLogger,
    });
    await started.start();
    return started;
  }

  beforeAll(async () => {
    imageDirectory = await busyboxImages(rootDirectory);
    agent = await startAgent();
  });
  afterAll(async () => {
    await agent.stop();
    await destroyNode({ rootDirectory, runDirectory, cgroupParent });
    rmSync(rootDirectory, { recursive: true, force: true });
    rmSync(runDirectory, { recursive: true, force: true });
    expect(tracesOf(marker)).toEqual([]);
  });

  async function create(
    name: string,
    container: Partial<Container>,
    spec: Partial<Task['spec']> = {},
  ): Promise<void> {
    const containers = [{ name: 'main', image: 'busybox', resources: {}, ...container }];
    const { metadata: _metadata, ...draft } = taskObject({
      spec: { terminationGracePeriodSeconds: 1, nodeName: 'n1', ...spec, containers },
    });
    await client.create(Task, { ...draft, metadata: { name, namespace: 'default' } });
  }

  const get = (name: string): Promise<Task> => client.get(Task, { namespace: 'default', name });
  const containerOf = async (name: string) => (await get(name)).status.containerStatuses?.[0];
  const until = (name: string, holds: (task: Task) => boolean): Promise<Task> =>
    eventually(name, async () => {
      const found = await get(name);
      return holds(found) && found;
    });
  const running = (name: string): Promise<Task> => until(name, ({ status }) => status.phase === 'Running');

  /** As the API server does: marks the task, and lets the agent do the rest. */
  async function remove(name: string): Promise<void> {
    const body = { metadata: { deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 } };
    await client.patch(Task, { namespace: 'default', name }, { type: 'merge', body });
    await eventually(`${name} is gone`, () =>
      get(name).then(
        () => false,
        (error) => hasReason(error, 'NotFound'),
      ),
    );
  }

  it('runs a task, reports it, and leaves nothing of it after its deletion', async () => {
    await create('plain', { command: ['sleep', '1000'] });
    const { metadata, status } = await running('plain');
    expect(status).toMatchObject({
      hostIP: '127.0.0.1',
      containerStatuses: [{ ready: true, restartCount: 0 }],
    });
    expect(tracesOf(metadata.uid as string)).not.toEqual([]);
    await remove('plain');
    await eventually('its record is gone', () => readdirSync(join(rootDirectory, 'tasks')).length === 0);
    expect(tracesOf(`${marker}/${metadata.uid}`)).toEqual([]);
    expect(readdirSync(join(rootDirectory, 'c'))).toEqual([]);
    expect(readdirSync(join(runDirectory, 'exits'))).toEqual([]);
    expect(readdirSync(join(rootDirectory, 'logs'))).toEqual([]);
  });

  it.each([
    ['succeeds', 'exit 0', { phase: 'Succeeded' }, { exitCode: 0, reason: 'Completed' }],
    ['fails', 'exit 3', { phase: 'Failed', reason: 'Error' }, { exitCode: 3, reason: 'Error' }],
  ])('reports a task that %s', async (name, script, status, terminated) => {
    await create(name, { command: ['sh', '-c', script] }, { restartPolicy: 'Never' });
    const over = await until(name, (task) => task.status.finishTime !== undefined);
    expect(over.status).toMatchObject(status);
    expect(over.status.containerStatuses?.[0]?.state.terminated).toMatchObject(terminated);
    await remove(name);
  });

  it('restarts what ends, at once first, then with back-off', async () => {
    await create('crashes', { command: ['false'] });
    await eventually('it backs off', async () => {
      const container = await containerOf('crashes');
      return container?.restartCount === 1 && container.state.waiting?.reason === 'CrashLoopBackOff';
    });
    expect((await get('crashes')).status.phase).toBe('Running');
    await remove('crashes');
  });

  it.each([
    [
      'noimage',
      { image: '127.0.0.1:1/nowhere:1', command: ['true'] },
      'ImagePullBackOff',
      /Back-off pulling image "127.0.0.1:1\/nowhere:1": .*ECONNREFUSED/,
    ],
    ['never', { image: 'nowhere', imagePullPolicy: 'Never' }, 'ErrImageNeverPull', /nowhere:latest/],
  ] as [string, Partial<Container>, string, RegExp][])(
    'leaves %s waiting with the reason',
    async (name, container, reason, message) => {
      await create(name, container);
      await eventually('it waits', async () => (await containerOf(name))?.state.waiting?.reason === reason);
      expect((await containerOf(name))?.state.waiting?.message).toMatch(message);
      await remove(name);
    },
  );

  it('names the port that is taken, and starts when it is free', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, () => resolve((server.address() as { port: number }).port));
    });
    await create('port', { command: ['sleep', '1000'], ports: [{ containerPort: port, protocol: 'TCP' }] });
    await eventually(
      'it waits',
      async () => (await containerOf('port'))?.state.waiting?.reason === 'PortInUse',
    );
    expect((await containerOf('port'))?.state.waiting?.message).toContain(String(port));
    await new Promise((resolve) => server.close(resolve));
    await running('port');
    await remove('port');
  });

  it('reports a command that does not exist', async () => {
    await create('nocommand', { command: ['/bin/nope'] }, { restartPolicy: 'Never' });
    const { status } = await until('nocommand', (task) => task.status.phase === 'Failed');
    expect(status).toMatchObject({
      reason: 'ContainerCannotRun',
      message: expect.stringContaining('/bin/nope'),
    });
    await remove('nocommand');
  });

  it('adopts running tasks, same pid, no restart, and finds the end of one that ended meanwhile', async () => {
    await create('lives', { command: ['sleep', '1000'] });
    await create('ends', { command: ['sh', '-c', 'sleep 1; exit 9'] }, { restartPolicy: 'Never' });
    const before = (await running('lives')).status.containerStatuses?.[0];
    await running('ends');
    await agent.stop();
    await sleep(systemClock, 1500);
    agent = await startAgent();
    const ended = await until('ends', (task) => task.status.phase === 'Failed');
    expect(ended.status.containerStatuses?.[0]?.state.terminated).toMatchObject({ exitCode: 9 });
    expect(await containerOf('lives')).toEqual(before);
    await remove('lives');
    await remove('ends');
  });

  it('stops a task whose object vanished while it was away, and reports Unknown ones again', async () => {
    await create('vanishes', { command: ['sleep', '1000'] });
    await create('returns', { command: ['sleep', '1000'] });
    const pid = (await running('vanishes')).status.containerStatuses?.[0]?.pid as number;
    await running('returns');
    await agent.stop();
    await client.delete(Task, { namespace: 'default', name: 'vanishes' });
    const unknown = { status: { phase: 'Unknown', reason: 'NodeLost' } };
    await client.patch(Task, { namespace: 'default', name: 'returns' }, { type: 'merge', body: unknown });
    agent = await startAgent();
    await eventually('the process is gone', () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
    expect((await running('returns')).status.reason).toBeUndefined();
    await remove('returns');
  });

  it('removes a container that no record names', async () => {
    const runtime = new OciRuntime({ rootDirectory, runDirectory, logger: silentLogger });
    const stray = `stray-${randomUUID().slice(0, 8)}`;
    const limits = { cpuShares: 2, pids: 10, oomScoreAdj: 0 };
    await agent.stop();
    await runtime.create({
      ...{
        cid: stray,
        cgroupPath: `${cgroupParent}/stray`,
        logPath: join(rootDirectory, 'logs/stray.log'),
        limits,
      },
      ...{
        hostname: 'h',
        args: ['sleep', '1000'],
        env: ['PATH=/usr/bin'],
        workingDir: '/',
        readOnlyRoot: false,
        mounts: [],
      },
      ...{ user: { uid: 0, gid: 0 }, root: { from: 'host' as const } },
    });
    await runtime.start(stray);
    agent = await startAgent();
    expect(await runtime.list()).not.toContain(stray);
  });
});
