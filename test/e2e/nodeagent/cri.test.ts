/** What an agent with an engine beside it promises over the contract of the drivers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../../api/kinds/resources.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { type Cgroups, detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { Containerd } from '../../../nodeagent/runtime/cri/containerd.ts';
import { knownContainerd, socketOf } from '../../../nodeagent/runtime/cri/containerd-files.ts';
import { CriClient } from '../../../nodeagent/runtime/cri/cri-client.ts';
import { CriRuntime } from '../../../nodeagent/runtime/cri/cri-runtime.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually } from './machine-traces.ts';

describe('an agent with an engine', () => {
  const agent = new LocalAgent('cri');
  const engine = () => new CriClient(`unix://${socketOf(agent.runDirectory)}`);
  beforeAll(() => agent.up());
  afterAll(() => agent.remove());

  const pidOf = ({ status }: Task): number | undefined => status.containerStatuses?.[0]?.pid;

  async function sandboxes(task: Task): Promise<number> {
    const client = engine();
    const { items } = await client.call('ListPodSandbox', { filter: { labelSelector: {} } });
    client.close();
    return items.filter(({ labels }) => labels['gantry.dev/task'] === task.metadata.uid).length;
  }

  it('keeps the containers of a task in one sandbox, which goes with the last of them', async () => {
    const second = { name: 'second', image: 'busybox', resources: {}, restartPolicy: 'Always' as const };
    const command = ['sleep', '1000'];
    await agent.create('pair', { command }, { initContainers: [{ ...second, command }] });
    const pair = await agent.running('pair');
    expect(await sandboxes(pair)).toBe(1);
    await agent.delete('pair');
    expect(await sandboxes(pair)).toBe(0);
  });

  it('lets tasks run on when agent and engine die, and hears of an end meanwhile', async () => {
    await agent.create('stays', { command: ['sleep', '1000'] });
    const command = ['sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 3'];
    await agent.create('ends', { command }, { restartPolicy: 'Never' });
    const [before, ends] = [await agent.running('stays'), await agent.running('ends')];
    await agent.stop();
    const killed = knownContainerd(agent);
    process.kill(killed?.pid ?? 0, 'SIGKILL');
    writeFileSync(`/proc/${pidOf(ends)}/root/tmp/go`, '');
    await eventually('it ended', () => !alive(pidOf(ends) ?? 0));
    await agent.up();
    expect((await agent.over('ends')).status.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(3);
    expect(pidOf(await agent.running('stays'))).toBe(pidOf(before));
    expect(knownContainerd(agent)?.pid).not.toBe(killed?.pid);
    await agent.delete('stays');
  });

  it('starts the engine anew when it dies', async () => {
    const killed = knownContainerd(agent);
    process.kill(killed?.pid ?? 0, 'SIGKILL');
    await agent.create('later', { command: ['sleep', '1000'] });
    await agent.running('later');
    expect(knownContainerd(agent)?.pid).not.toBe(killed?.pid);
    await agent.delete('later');
  });

  it('knows where a container keeps what it writes', async () => {
    await agent.create('writes', { command: ['sh', '-c', 'echo words > /kept; exec sleep 1000'] });
    const { status } = await agent.running('writes');
    const cid = (status.containerStatuses?.[0]?.containerID ?? '').replace('gantry://', '');
    const files = join(agent.rootDirectory, 'c', cid, 'files');
    await eventually('it is written', () => textOf(join(files, 'kept')) === 'words\n');
    await agent.delete('writes');
  });

  it('works with an engine that is there, and leaves it alone', async () => {
    const place = {
      rootDirectory: join(agent.rootDirectory, 'o'),
      runDirectory: join(agent.runDirectory, 'o'),
    };
    const other = new Containerd(place, systemClock);
    await other.ensure();
    const cgroups = (await detectCgroups()) as Cgroups;
    const runtime = new CriRuntime({
      ...{ ...place, imageDirectory: '', cgroups, logger: silentLogger, endpoint: other.endpoint },
      rootDirectory: join(agent.rootDirectory, 'p'),
    });
    const spec = {
      ...{ cid: 'c-1', cgroupPath: `/${agent.marker}/other`, logPath: join(place.rootDirectory, 'log') },
      ...{ hostname: 'c', args: ['sleep', '1000'], env: [], workingDir: '/', user: { uid: 0, gid: 0 } },
      ...{ root: { from: 'host' } as const, readOnlyRoot: false, mounts: [] },
      limits: { cpuShares: 2, pids: 8, oomScoreAdj: 0 },
    };
    expect(await runtime.create(spec)).toBeUndefined();
    expect(await runtime.start('c-1')).toMatchObject({ pid: expect.any(Number) });
    expect(await runtime.list()).toEqual(['c-1']);
    await runtime.delete('c-1');
    await runtime.end();
    expect(alive(knownContainerd(place)?.pid ?? 0)).toBe(true);
    await other.end();
  });
});

function alive(pid: number): boolean {
  return textOf(`/proc/${pid}/stat`) !== undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
