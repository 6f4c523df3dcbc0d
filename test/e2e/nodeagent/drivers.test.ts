/** The contract of runtime drivers, on real containers and on plain processes. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { type Cgroups, detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { findImage } from '../../../nodeagent/images/image-store.ts';
import { readLog } from '../../../nodeagent/logs/log-reader.ts';
import { rotateLog } from '../../../nodeagent/logs/log-rotation.ts';
import { OciRuntime } from '../../../nodeagent/runtime/oci/oci-runtime.ts';
import type {
  ContainerRoot,
  ContainerSpec,
  ContainerState,
  Runtime,
} from '../../../nodeagent/runtime/runtime.ts';
import { UnconfinedRuntime } from '../../../nodeagent/runtime/unconfined/unconfined-runtime.ts';
import { busyboxImages } from '../../kit/busybox-image.ts';
import { eventually, tracesOf } from './machine-traces.ts';

type Exited = ContainerState & { status: 'exited' };

describe.each([
  { name: 'oci, from an image', Driver: OciRuntime, from: 'image' },
  { name: 'oci, from the host', Driver: OciRuntime, from: 'host' },
  { name: 'unconfined', Driver: UnconfinedRuntime, from: 'host' },
] as const)('driver $name', ({ Driver, from }) => {
  const marker = `gantry-test-${randomBytes(3).toString('hex')}`;
  const rootDirectory = mkdtempSync(join(tmpdir(), `${marker}-`));
  const runDirectory = `/run/${marker}`;
  const group = `/${marker}`;
  const isConfined = Driver === OciRuntime;
  let runtime: Runtime;
  let cgroups: Cgroups;
  let root: ContainerRoot = { from: 'host' };
  let count = 0;

  const open = (): Runtime => new Driver({ rootDirectory, runDirectory, logger: silentLogger });
  const logOf = (cid: string): string => join(rootDirectory, 'logs', `${cid}.log`);

  beforeAll(async () => {
    cgroups = (await detectCgroups()) as Cgroups;
    if (from === 'image') {
      const image = await findImage(await busyboxImages(rootDirectory), 'busybox');
      root = { from, rootfs: image?.rootfs ?? '' };
    }
    runtime = open();
  });
  afterAll(async () => {
    for (const cid of await runtime.list()) await runtime.delete(cid);
    await runtime.close();
    await cgroups.killAll(group);
    await cgroups.remove(group);
    rmSync(rootDirectory, { recursive: true, force: true });
    rmSync(runDirectory, { recursive: true, force: true });
    expect(tracesOf(marker)).toEqual([]);
  });

  function specOf(script: string, changes: Partial<ContainerSpec> = {}): ContainerSpec {
    const cid = `c-${count++}`;
    return {
      cid,
      cgroupPath: `${group}/task`,
      logPath: logOf(cid),
      hostname: 'web-0-0',
      args: ['sh', '-c', script],
      env: ['PATH=/bin:/usr/bin', 'GREETING=hello'],
      workingDir: '/tmp',
      user: { uid: 0, gid: 0 },
      root,
      readOnlyRoot: false,
      mounts: [],
      limits: { cpuShares: 100, pids: 64, oomScoreAdj: 0 },
      ...changes,
    };
  }

  async function run(
    script: string,
    changes: Partial<ContainerSpec> = {},
  ): Promise<{ cid: string; pid: number }> {
    const spec = specOf(script, changes);
    expect(await runtime.create(spec)).toBeUndefined();
    const started = await runtime.start(spec.cid);
    if (!('pid' in started)) throw new Error(started.message);
    return { cid: spec.cid, pid: started.pid };
  }

  const exitOf = (cid: string): Promise<Exited> =>
    eventually(`${cid} ends`, async () => {
      const state = await runtime.state(cid);
      return state.status === 'exited' && state;
    });

  async function logText(cid: string): Promise<string> {
    let text = '';
    const format = isConfined ? 'k8s-file' : 'plain';
    for await (const chunk of readLog({ files: [logOf(cid)], format, isLive: () => false }, {}))
      text += chunk;
    return text;
  }

  it('runs nothing before it is started, then gives environment, directory, output and exit code', async () => {
    const spec = specOf('echo "$GREETING from $PWD"; echo oops >&2; exit 42');
    await runtime.create(spec);
    expect((await runtime.state(spec.cid)).status).toBe('created');
    await runtime.start(spec.cid);
    expect((await exitOf(spec.cid)).exitCode).toBe(42);
    expect(await logText(spec.cid)).toBe('hello from /tmp\noops\n');
    await runtime.delete(spec.cid);
    expect((await runtime.state(spec.cid)).status).toBe('absent');
    expect(await runtime.list()).not.toContain(spec.cid);
  });

  it('tells a listener of an exit', async () => {
    const listener = open();
    const heard: string[] = [];
    await listener.watchExits((cid) => heard.push(cid));
    const { cid } = await run('exit 0');
    await eventually('the exit is heard', () => heard.includes(cid));
    await listener.close();
    await runtime.delete(cid);
  });

  it('lets a task that handles TERM end in its own way', async () => {
    const { cid } = await run("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done");
    await eventually('the trap is set', async () => (await logText(cid)).includes('up'));
    await runtime.signal(cid, 'TERM');
    expect((await exitOf(cid)).exitCode).toBe(7);
    expect(await logText(cid)).toContain('bye');
    await runtime.delete(cid);
  });

  it('ends a task that ignores TERM by KILL, with 137 and not as out of memory', async () => {
    const { cid } = await run("trap '' TERM; echo up; while :; do sleep 0.05; done");
    await eventually('the trap is set', async () => (await logText(cid)).includes('up'));
    await runtime.signal(cid, 'TERM');
    await sleep(systemClock, 200);
    expect((await runtime.state(cid)).status).toBe('running');
    await runtime.signal(cid, 'KILL');
    expect(await exitOf(cid)).toMatchObject({ exitCode: 137, oomKilled: false });
    await runtime.delete(cid);
  });

  it('says why a command cannot be run', async () => {
    const spec = specOf('', { args: ['/bin/nope'] });
    const refusal = await runtime.create(spec);
    expect(refusal).toMatchObject({
      reason: 'ContainerCannotRun',
      message: expect.stringContaining('/bin/nope'),
    });
    await runtime.delete(spec.cid);
    expect(await runtime.list()).not.toContain(spec.cid);
  });

  it('is found again, same pid, by a driver that knows only the directories', async () => {
    const { cid, pid } = await run('sleep 1000');
    const other = open();
    expect(await other.list()).toContain(cid);
    expect(await other.state(cid)).toEqual({ status: 'running', pid });
    await other.delete(cid);
    expect((await runtime.state(cid)).status).toBe('absent');
  });

  it('knows the exit code of a container that ended while nobody watched', async () => {
    const { cid } = await run('sleep 0.2; exit 33');
    await sleep(systemClock, 1000);
    expect(await open().state(cid)).toMatchObject({ status: 'exited', exitCode: 33 });
    await runtime.delete(cid);
  });

  it('deletes what runs, what ended and what never was, twice too', async () => {
    const { cid, pid } = await run('sleep 1000');
    await runtime.delete(cid);
    await runtime.delete(cid);
    await runtime.delete('never-was');
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    expect(readdirSync(join(rootDirectory, 'c'))).toEqual([]);
  });

  it('loses no line when its log is rotated', async () => {
    const { cid } = await run(
      'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done; sleep 0.5; echo end',
    );
    await eventually('something is written', async () => (await logText(cid)) !== '');
    await sleep(systemClock, 300);
    await rotateLog(runtime, cid, logOf(cid));
    await exitOf(cid);
    await sleep(systemClock, 100);
    let text = '';
    const files = [`${logOf(cid)}.1`, logOf(cid)];
    const format = isConfined ? 'k8s-file' : 'plain';
    for await (const chunk of readLog({ files, format, isLive: () => false }, {})) text += chunk;
    expect(text).toBe(`${Array.from({ length: 2000 }, (_, index) => `${index + 1}\n`).join('')}end\n`);
    expect(readFileSync(logOf(cid), 'utf8')).toContain('end');
    await runtime.delete(cid);
  });

  // Plain processes have no limits and hide nothing.
  if (!isConfined) return;

  it('kills what eats more memory than its limit: out of memory, 137', async () => {
    const eat = 'BEGIN { s = "0123456789"; while (length(s) < 100000000) s = s s }';
    const limits = { cpuShares: 100, pids: 64, oomScoreAdj: 0, memoryBytes: 32 * 1024 ** 2 };
    const { cid } = await run('', { args: ['awk', eat], limits });
    expect(await exitOf(cid)).toMatchObject({ exitCode: 137, oomKilled: true });
    await runtime.delete(cid);
  });

  it('throttles to 0.30 ± 0.03 cores', async () => {
    const limits = { cpuShares: 4096, pids: 64, oomScoreAdj: 0, cpuMilli: 300 };
    const { cid } = await run('while :; do :; done', { limits });
    const cores: number[] = [];
    while (cores.length < 4 && !cores.some((measured) => Math.abs(measured - 0.3) <= 0.03))
      cores.push(await measuredCores(`${group}/task/${cid}`));
    expect(Math.min(...cores.map((measured) => Math.abs(measured - 0.3)))).toBeLessThanOrEqual(0.03);
    await runtime.delete(cid);
  });

  async function measuredCores(path: string): Promise<number> {
    const [before, startMs] = [cgroups.usage(path).cpuNanos, systemClock.monotonicMs()];
    await sleep(systemClock, 3000);
    return (cgroups.usage(path).cpuNanos - before) / 1e6 / (systemClock.monotonicMs() - startMs);
  }

  it('refuses more processes than the limit', async () => {
    const limits = { cpuShares: 100, pids: 8, oomScoreAdj: 0 };
    const { cid } = await run('for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; wait', { limits });
    await eventually('a fork fails', async () => /fork/i.test(await logText(cid)));
    expect(cgroups.usage(`${group}/task/${cid}`).pids).toBeLessThanOrEqual(8);
    await runtime.delete(cid);
  });

  it('hides the host: own pid 1, own host name, no way to write to /usr of the host', async () => {
    const { cid } = await run(
      'echo $$ $(cat /proc/sys/kernel/hostname); touch /usr/x 2>/dev/null && echo wrote || echo refused',
    );
    await exitOf(cid);
    const text = await logText(cid);
    expect(text).toMatch(/^1 web-0-0$/m);
    expect(text).toContain(from === 'host' ? 'refused' : 'wrote');
    await runtime.delete(cid);
  });
});
