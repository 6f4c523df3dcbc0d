/** An agent that dies before or after any verb of its runtime leaves a state from which the next one goes on. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Task } from '../../../api/kinds/resources.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { NodeAgent } from '../../../nodeagent/agent.ts';
import { detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { destroyNode } from '../../../nodeagent/destroy.ts';
import { OciRuntime } from '../../../nodeagent/runtime/oci/oci-runtime.ts';
import type { Runtime } from '../../../nodeagent/runtime/runtime.ts';
import { TaskRecords } from '../../../nodeagent/task/task-records.ts';
import { FakeCluster } from '../../client/fake-cluster.ts';
import { task as taskObject } from '../../kit/nodeagent-objects.ts';
import { eventually, tracesOf } from './machine-traces.ts';

type Verb = 'create' | 'start' | 'signal' | 'delete';
type Moment = 'before' | 'after';

/** A runtime whose agent is dead from one moment on: nothing it is asked for ever comes back. */
function dyingAt(runtime: Runtime, verb: Verb, moment: Moment): { runtime: Runtime; died: Promise<void> } {
  let die = (): void => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  const proxy = new Proxy(runtime, {
    get(target, name: keyof Runtime) {
      const value = target[name];
      if (typeof value !== 'function') return value;
      if (name !== verb) return value.bind(target);
      return async (...args: never[]) => {
        if (moment === 'after') await (value as (...args: never[]) => Promise<unknown>).apply(target, args);
        die();
        return new Promise(() => {});
      };
    },
  });
  return { runtime: proxy, died };
}

describe('an agent that dies', () => {
  const key = { namespace: 'default', name: 'victim' };
  let marker = '';
  let paths = { rootDirectory: '', runDirectory: '', cgroupParent: '' };
  let client: FakeCluster['client'];
  const agents: NodeAgent[] = [];
  const runtimes: Runtime[] = [];

  beforeEach(() => {
    marker = `gantry-test-${randomBytes(3).toString('hex')}`;
    const rootDirectory = mkdtempSync(join(tmpdir(), `${marker}-`));
    paths = { rootDirectory, runDirectory: `/run/${marker}`, cgroupParent: `/${marker}` };
    client = new FakeCluster(systemClock).client;
  });
  afterEach(async () => {
    // The dead ones never answer; their watches are closed by hand.
    for (const agent of agents.splice(0)) void agent.stop();
    for (const runtime of runtimes.splice(0)) await runtime.close();
    await destroyNode(paths);
    rmSync(paths.rootDirectory, { recursive: true, force: true });
    rmSync(paths.runDirectory, { recursive: true, force: true });
    expect(tracesOf(marker)).toEqual([]);
  });

  function newRuntime(): Runtime {
    const runtime = new OciRuntime({ ...paths, logger: silentLogger });
    runtimes.push(runtime);
    return runtime;
  }

  async function startAgent(runtime: Runtime): Promise<NodeAgent> {
    const cgroups = await detectCgroups();
    const { rootDirectory, cgroupParent } = paths;
    const agent = new NodeAgent({
      ...{ client, runtime, logger: silentLogger, events: { record: () => {} } },
      records: new TaskRecords(rootDirectory, silentLogger),
      node: {
        ...{ name: 'n1', address: '127.0.0.1', memoryBytes: 2 ** 30, cgroupParent },
        ...{ logDirectory: join(rootDirectory, 'logs'), imageDirectory: join(rootDirectory, 'images') },
        volumeDirectory: join(rootDirectory, 'volumes'),
        ...(cgroups ? { cgroups } : {}),
      },
    });
    agents.push(agent);
    await agent.start();
    return agent;
  }

  async function createTask(): Promise<void> {
    const volumeMounts = [{ name: 'm', mountPath: '/m', readOnly: false, subPath: 'part' }];
    const containers = [{ name: 'main', command: ['sleep', '1000'], resources: {}, volumeMounts }];
    const volumes = [{ name: 'm', emptyDir: { medium: 'Memory' as const } }];
    const { metadata: _metadata, ...draft } = taskObject({
      spec: { nodeName: 'n1', terminationGracePeriodSeconds: 0, containers, volumes },
    });
    await client.create(Task, { ...draft, metadata: key });
  }
  const running = (): Promise<Task> =>
    eventually('it runs', async () => {
      const task = await client.get(Task, key);
      return task.status.phase === 'Running' && task;
    });

  it.each([
    ['before', 'create'],
    ['after', 'create'],
    ['before', 'start'],
    ['after', 'start'],
  ] as [Moment, Verb][])('%s %s leaves one running container and no other', async (moment, verb) => {
    const { runtime, died } = dyingAt(newRuntime(), verb, moment);
    const dead = await startAgent(runtime);
    await createTask();
    await died;
    void dead.stop();
    const next = newRuntime();
    await startAgent(next);
    const { status } = await running();
    expect(status.containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 0 });
    expect(await next.list()).toHaveLength(1);
  });

  it.each([
    ['before', 'signal'],
    ['after', 'signal'],
    ['before', 'delete'],
    ['after', 'delete'],
  ] as [Moment, Verb][])('%s %s of a deleted task leaves nothing of it', async (moment, verb) => {
    const { runtime, died } = dyingAt(newRuntime(), verb, moment);
    const dead = await startAgent(runtime);
    await createTask();
    await running();
    const metadata = { deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 };
    await client.patch(Task, key, { type: 'merge', body: { metadata } });
    await died;
    void dead.stop();
    const next = newRuntime();
    await startAgent(next);
    await eventually('it is gone', () =>
      client.get(Task, key).then(
        () => false,
        () => true,
      ),
    );
    await eventually(
      'its record is gone',
      () => readdirSync(join(paths.rootDirectory, 'tasks')).length === 0,
    );
    expect(await next.list()).toEqual([]);
    expect(readdirSync(join(paths.rootDirectory, 'volumes'))).toEqual([]);
    expect(tracesOf(marker).filter((line) => line.includes('/volumes/'))).toEqual([]);
  });
});
