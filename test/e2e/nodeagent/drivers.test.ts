/** The contract of runtime drivers, on real containers and on plain processes. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capabilityNames } from '../../../api/kinds/capabilities.ts';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import type { ExecRequest } from '../../../api/meta/stream-requests.ts';
import { type Cgroups, detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { processesIn } from '../../../nodeagent/cgroup/group-files.ts';
import { findImage } from '../../../nodeagent/images/image-store.ts';
import { readLog } from '../../../nodeagent/logs/log-reader.ts';
import { rotateLog } from '../../../nodeagent/logs/log-rotation.ts';
import { CriRuntime } from '../../../nodeagent/runtime/cri/cri-runtime.ts';
import { usualSecurity } from '../../../nodeagent/runtime/oci/config-json.ts';
import { OciRuntime } from '../../../nodeagent/runtime/oci/oci-runtime.ts';
import type {
  ContainerRoot,
  ContainerSpec,
  ContainerState,
  Runtime,
} from '../../../nodeagent/runtime/runtime.ts';
import { UnconfinedRuntime } from '../../../nodeagent/runtime/unconfined/unconfined-runtime.ts';
import { containerSecurity } from '../../../nodeagent/task/container-security.ts';
import { busyboxImages } from '../../kit/busybox-image.ts';
import { eventually, tracesOf } from './machine-traces.ts';

type Exited = ContainerState & { status: 'exited' };

describe.each([
  { name: 'oci, from an image', driver: 'oci', from: 'image' },
  { name: 'oci, from the host', driver: 'oci', from: 'host' },
  { name: 'cri, from an image', driver: 'cri', from: 'image' },
  { name: 'cri, from the host', driver: 'cri', from: 'host' },
  { name: 'unconfined', driver: 'unconfined', from: 'host' },
] as const)('driver $name', ({ driver, from }) => {
  const marker = `gantry-test-${randomBytes(3).toString('hex')}`;
  const rootDirectory = mkdtempSync(join(tmpdir(), `${marker}-`));
  const runDirectory = `/run/${marker}`;
  const group = `/${marker}`;
  const isConfined = driver !== 'unconfined';
  let runtime: Runtime;
  let cgroups: Cgroups;
  let root: ContainerRoot = { from: 'host' };
  let count = 0;

  const place = { rootDirectory, runDirectory, imageDirectory: join(rootDirectory, 'images') };
  const open = (): Runtime => {
    const options = { ...place, cgroups, logger: silentLogger };
    if (driver === 'cri') return new CriRuntime(options);
    return driver === 'oci' ? new OciRuntime(options) : new UnconfinedRuntime(options);
  };
  const logOf = (cid: string): string => join(rootDirectory, 'logs', `${cid}.log`);

  beforeAll(async () => {
    cgroups = (await detectCgroups()) as Cgroups;
    if (from === 'image') {
      const image = await findImage(await busyboxImages(rootDirectory), 'busybox');
      root = { from, rootfs: image?.rootfs ?? '', digest: image?.digest ?? '' };
    }
    runtime = open();
  });
  afterAll(async () => {
    try {
      for (const cid of await runtime.list()) await runtime.delete(cid);
    } finally {
      await (runtime instanceof CriRuntime ? runtime.end() : runtime.close());
    }
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

  const processes = async (cid: string): Promise<number> =>
    (await processesIn(cgroups.directory(`${group}/task/${cid}`))).length;

  const wish = (request: Partial<ExecRequest> & Pick<ExecRequest, 'command'>): ExecRequest => ({
    ...{ stdin: true, stdout: true, stderr: true, tty: false, ...request },
  });

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
    // Two pipes: which of them is read first is the driver's affair.
    expect((await logText(spec.cid)).split('\n').sort()).toEqual(['', 'hello from /tmp', 'oops']);
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
    // An engine does not look before it is to start it.
    const refusal = (await runtime.create(spec)) ?? (await runtime.start(spec.cid));
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

  it('runs a command to its end for the agent, and keeps what it says', async () => {
    const { cid } = await run('sleep 1000');
    const { signal } = new AbortController();
    expect(await runtime.run(cid, ['sh', '-c', 'echo "$GREETING"; exit 4'], signal)).toEqual({
      ...{ exitCode: 4, output: 'hello\n' },
    });
    const before = await processes(cid);
    // Also one that is given up before it has begun.
    for (const afterMs of [1, 300]) {
      const late = await runtime.run(cid, ['sleep', '1000'], AbortSignal.timeout(afterMs));
      expect(late.exitCode).toBeUndefined();
    }
    await eventually('it is killed', async () => (await processes(cid)) === before);
    await runtime.delete(cid);
  });

  it('runs a command for somebody: what is typed, what it says, errors apart, its exit code', async () => {
    const { cid } = await run('sleep 1000');
    const command = await runtime.exec(cid, wish({ command: ['sh', '-c', 'cat; echo oops >&2; exit 3'] }));
    const said = Promise.all([text(command.stdout), text(command.stderr)]);
    command.stdin?.end('typed\n');
    expect(await command.exited).toEqual({ exitCode: 3 });
    expect(await said).toEqual(['typed\n', 'oops\n']);
    await runtime.delete(cid);
  });

  it('gives a command a terminal, and tells that its size', async () => {
    const { cid } = await run('sleep 1000');
    const command = await runtime.exec(cid, wish({ command: ['sh'], tty: true }));
    const said = text(command.stdout);
    await command.resize({ columns: 91, rows: 33 });
    await sleep(systemClock, 300);
    command.stdin?.write('stty size; exit 5\n');
    expect(await command.exited).toEqual({ exitCode: 5 });
    expect(await said).toContain('33 91');
    await runtime.delete(cid);
  });

  it('ends a command when the one it runs for goes away', async () => {
    const { cid } = await run('exec sleep 1000');
    const before = await processes(cid);
    const command = await runtime.exec(cid, wish({ command: ['sh', '-c', 'echo up; sleep 1000; echo'] }));
    await once(command.stdout, 'data');
    await command.kill();
    await eventually('it is killed', async () => (await processes(cid)) === before);
    expect((await runtime.state(cid)).status).toBe('running');
    await runtime.delete(cid);
  });

  it('gives it the rights that are meant for it, and no others', async () => {
    const { cid } = await run(
      'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; id -u; id -G',
      {
        user: { uid: 0, gid: 7 },
        security: { ...usualSecurity, groups: [2000] },
      },
    );
    await exitOf(cid);
    const bits = usualSecurity.capabilities.map(
      (name) => 1n << BigInt(capabilityNames.indexOf(name.slice(4))),
    );
    const mask = bits
      .reduce((sum, bit) => sum | bit, 0n)
      .toString(16)
      .padStart(16, '0');
    const rights = `CapEff:\t${mask}\nCapBnd:\t${mask}\nNoNewPrivs:\t1\nSeccomp:\t2\n`;
    expect(await logText(cid)).toBe(`${rights}0\n7 2000\n`);
    await runtime.delete(cid);
  });

  it('gives a privileged one all the agent has, and hides nothing', async () => {
    const { cid } = await run(
      'grep CapEff: /proc/self/status; [ -e /dev/full ] && ls /sys/firmware | wc -l',
      {
        security: containerSecurity({}, { securityContext: { privileged: true } }),
      },
    );
    await exitOf(cid);
    const own = /CapEff:.*/.exec(readFileSync('/proc/self/status', 'utf8'))?.[0];
    expect(await logText(cid)).toBe(`${own}\n${readdirSync('/sys/firmware').length}\n`);
    await runtime.delete(cid);
  });

  it('hides and protects parts of /proc and /sys, and its root where that is asked', async () => {
    const { cid } = await run(
      'ls /sys/firmware | wc -l; cat /proc/keys | wc -c; for f in /proc/sys/kernel/panic /sys/x /x; do (echo 1 >$f) 2>/dev/null && echo wrote $f; done; echo end',
      { readOnlyRoot: true },
    );
    await exitOf(cid);
    expect(await logText(cid)).toBe('0\n0\nend\n');
    await runtime.delete(cid);
  });

  it('says why a command beside it cannot be run', async () => {
    const { cid } = await run('sleep 1000');
    const command = await runtime.exec(cid, wish({ command: ['/bin/nope'] }));
    for (const stream of [command.stdout, command.stderr]) stream.resume();
    expect(await command.exited).toMatchObject({ exitCode: 127, why: expect.stringContaining('/bin/nope') });
    await runtime.delete(cid);
  });

  it('passes on what is typed to a container made to read it', async () => {
    const { cid } = await run('read word; echo "got $word"; sleep 1000', { stdin: 'open' });
    const attachment = await runtime.attach(cid, { stdin: true, tty: false });
    attachment.stdin?.write('this\n');
    await eventually('it was read', async () => (await logText(cid)).includes('got this'));
    await attachment.leave();
    expect((await runtime.state(cid)).status).toBe('running');
    await runtime.delete(cid);
  });

  it('is deleted while somebody is attached and a command runs beside it', async () => {
    const { cid } = await run('cat; sleep 1000', { stdin: 'open' });
    const attachment = await runtime.attach(cid, { stdin: true, tty: false });
    const command = await runtime.exec(cid, wish({ command: ['sleep', '1000'] }));
    command.stdout.resume();
    command.stderr.resume();
    await runtime.delete(cid);
    await command.kill();
    expect((await command.exited).exitCode).not.toBe(0);
    await attachment.leave();
  });

  it('changes the limits of what runs', async () => {
    const limits = { cpuShares: 100, pids: 64, oomScoreAdj: 0, memoryBytes: 32 * 1024 ** 2 };
    const eat = 'BEGIN { s = "0123456789"; while (length(s) < 50000000) s = s s }';
    const { cid } = await run(`read go; awk '${eat}'`, { limits, stdin: 'open' });
    expect(await runtime.update(cid, { ...limits, memoryBytes: 512 * 1024 ** 2 })).toBeUndefined();
    const attachment = await runtime.attach(cid, { stdin: true, tty: false });
    attachment.stdin?.write('\n');
    expect((await exitOf(cid)).exitCode).toBe(0);
    await attachment.leave();
    await runtime.delete(cid);
  });

  it('hides the host: own pid 1, own host name, no way to write to /usr of the host', async () => {
    const { cid } = await run(
      'echo $$ $(cat /proc/sys/kernel/hostname); touch /usr/x 2>/dev/null && echo wrote || echo refused',
    );
    await exitOf(cid);
    const text = await logText(cid);
    // The interface has no other name for a container on the node's network.
    expect(text.split('\n')[0]).toBe(`1 ${driver === 'cri' ? hostname() : 'web-0-0'}`);
    expect(text).toContain(from === 'host' ? 'refused' : 'wrote');
    await runtime.delete(cid);
  });
});
