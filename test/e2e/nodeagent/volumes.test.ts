/** Volumes of real containers: what is shared, what is kept in, and that nothing of them is left. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Container } from '../../../api/kinds/task-spec.ts';
import type { VolumeMount } from '../../../api/kinds/task-volumes.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually, tracesOf } from './machine-traces.ts';

const mount = (name: string, mountPath: string, changes: Partial<VolumeMount> = {}): VolumeMount => ({
  ...{ name, mountPath, readOnly: false },
  ...changes,
});
const container = (name: string, script: string, volumeMounts: VolumeMount[]): Container => ({
  ...{ name, image: 'busybox', command: ['sh', '-c', script], resources: {}, volumeMounts },
});

describe('volumes', () => {
  const agent = new LocalAgent();
  const host = mkdtempSync(join(tmpdir(), 'gantry-host-'));
  beforeAll(async () => {
    mkdirSync(join(host, 'shared/sub'), { recursive: true });
    writeFileSync(join(host, 'shared/file'), 'from the node');
    writeFileSync(join(host, 'secret'), 'not for tasks');
    symlinkSync(join(host, 'secret'), join(host, 'shared/link'));
    await agent.up({ allowedHostPaths: [{ path: join(host, 'shared'), writable: false }] });
  });
  afterAll(async () => {
    await agent.remove();
    rmSync(host, { recursive: true, force: true });
  });

  /** Runs to the end and gives what the container wrote. */
  async function outputOf(
    name: string,
    script: string,
    mounts: VolumeMount[],
    volumes: object[],
  ): Promise<string> {
    const { name: _name, ...main } = container('main', script, mounts);
    await agent.create(name, main, { restartPolicy: 'Never', volumes: volumes as never });
    const task = await agent.over(name);
    const text = readFileSync(agent.logOf(task, 'main'), 'utf8').replaceAll(/^\S+ std\w+ [FP] /gm, '');
    await agent.delete(name);
    expect(tracesOf(`${agent.marker}`).filter((line) => line.includes('/volumes/'))).toEqual([]);
    return text;
  }

  it('on disk are shared by the containers of a task and outlive their restarts', async () => {
    const script =
      'echo run >> /data/runs; [ $(wc -l < /data/runs) = 2 ] && cat /data/greeting && sleep 1000; exit 1';
    const { name: _name, ...main } = container('main', script, [mount('data', '/data')]);
    const write = container('write', 'echo hello > /out/greeting', [mount('data', '/out')]);
    await agent.create('disk', main, { initContainers: [write], volumes: [{ name: 'data', emptyDir: {} }] });
    const task = await agent.until('disk', 'runs again', ({ status }) => {
      const [now] = status.containerStatuses ?? [];
      return now?.restartCount === 1 && now.ready;
    });
    await eventually('it reads', () => readFileSync(agent.logOf(task, 'main', 1), 'utf8').includes('hello'));
    await agent.delete('disk');
    expect(tracesOf(`${agent.marker}`).filter((line) => line.includes('/volumes/'))).toEqual([]);
  });

  it('in memory are no larger than they may be', async () => {
    const script =
      'dd if=/dev/zero of=/m/f bs=64k count=64 2>&1 | tail -1; wc -c < /m/f; mount | grep " /m "';
    const volumes = [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }];
    const output = await outputOf('memory', script, [mount('m', '/m')], volumes);
    expect(output).toMatch(/^1048576$/m);
    expect(output).toMatch(/tmpfs on \/m type tmpfs \(rw,nosuid,nodev/);
  });

  it('that are read-only refuse writes', async () => {
    const volumes = [{ name: 'd', emptyDir: {} }];
    const output = await outputOf(
      'ro',
      'touch /d/f; echo $?',
      [mount('d', '/d', { readOnly: true })],
      volumes,
    );
    expect(output).toContain('Read-only file system');
  });

  it('show a part of them by subPath', async () => {
    const mounts = [mount('d', '/all'), mount('d', '/part', { subPath: 'a/b' })];
    const output = await outputOf('part', 'echo x > /part/f; cat /all/a/b/f', mounts, [
      { name: 'd', emptyDir: {} },
    ]);
    expect(output).toBe('x\n');
  });

  it('let no link out of a subPath', async () => {
    const link = container('link', 'ln -s /etc /d/escape', [mount('d', '/d')]);
    const { name: _name, ...main } = container('main', 'true', [mount('d', '/e', { subPath: 'escape' })]);
    await agent.create('escape', main, { initContainers: [link], volumes: [{ name: 'd', emptyDir: {} }] });
    const task = await agent.until(
      'escape',
      'refused',
      ({ status }) => status.containerStatuses?.[0]?.state.waiting?.reason === 'FailedMount',
    );
    expect(task.status.containerStatuses?.[0]?.state.waiting?.message).toMatch(/ENOTDIR|ELOOP/);
    await agent.delete('escape');
  });

  it('of the node are seen where the agent allows it', async () => {
    const volumes = [{ name: 'h', hostPath: { path: join(host, 'shared'), type: 'Directory' } }];
    const script = 'cat /h/file; touch /h/new || echo refused';
    const output = await outputOf('host', script, [mount('h', '/h', { readOnly: true })], volumes);
    expect(output).toMatch(/from the node[\s\S]*refused/);
  });

  it.each([
    ['elsewhere', '', true, /not allowed/],
    ['to be written', 'shared', false, /only be read/],
    ['behind a link', 'shared/link', true, /not allowed/],
  ])('of the node %s are refused', async (_what, path, readOnly, message) => {
    const { name: _name, ...main } = container('main', 'true', [mount('h', '/h', { readOnly })]);
    await agent.create('refused', main, { volumes: [{ name: 'h', hostPath: { path: join(host, path) } }] });
    const task = await agent.until(
      'refused',
      'refused',
      ({ status }) => status.containerStatuses?.[0]?.state.waiting?.reason === 'FailedMount',
    );
    expect(task.status.containerStatuses?.[0]?.state.waiting?.message).toMatch(message);
    await agent.delete('refused');
  });

  it('are found again by the next agent', async () => {
    const script = 'echo run >> /m/runs; [ $(wc -l < /m/runs) = 2 ] && sleep 1000; sleep 2; exit 1';
    const { name: _name, ...main } = container('main', script, [mount('m', '/m', { subPath: 's' })]);
    await agent.create('again', main, { volumes: [{ name: 'm', emptyDir: { medium: 'Memory' } }] });
    await agent.running('again');
    await agent.stop();
    await agent.up();
    await agent.until('again', 'runs again', ({ status }) => {
      const [now] = status.containerStatuses ?? [];
      return now?.restartCount === 1 && now.ready;
    });
    await agent.delete('again');
    expect(tracesOf(`${agent.marker}`).filter((line) => line.includes('/volumes/'))).toEqual([]);
  });
});
