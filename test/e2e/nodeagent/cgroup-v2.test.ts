import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Seen } from './cgroup-v2-guest.ts';

/**
 * A kernel of its own in a process (user-mode Linux), on this machine's file system, with a unified cgroup
 * hierarchy: the one way to test cgroup v2 on a machine that has v1.
 */
const init = (command: string): string => `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for controller in cpu memory pids io; do echo +$controller > /sys/fs/cgroup/cgroup.subtree_control; done
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
${command}
halt -f
`;

async function runInGuest(scratch: string, command: string, limits: { memory: string; timeout: number }) {
  writeFileSync(join(scratch, 'init.sh'), init(command), { mode: 0o755 });
  const { memory, timeout } = limits;
  const flags = [
    `mem=${memory}`,
    'rootfstype=hostfs',
    'rw',
    `init=${scratch}/init.sh`,
    'con=null',
    'con0=null,fd:1',
    'quiet',
  ];
  await execa('linux.uml', flags, { stdin: 'ignore', reject: false, timeout });
}

/** The contract takes two minutes in there: on demand, `GANTRY_CONTRACT_ON_V2=1`. What always runs is a cut of it. */
if (process.env['GANTRY_CONTRACT_ON_V2']) {
  it('the contract of the drivers holds on cgroup v2', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'gantry-uml-'));
    const report = join(scratch, 'report.json');
    const overlay = '/usr/lib/uml/modules/$(uname -r)/kernel/fs/overlayfs/overlay.ko';
    const vitest = `node_modules/vitest/vitest.mjs run --project e2e --reporter json --outputFile ${report}`;
    const tests = `test/e2e/nodeagent/drivers.test.ts -t "driver 'oci"`;
    const commands = [
      `busybox insmod ${overlay}`,
      'mkdir /run/tmp; export TMPDIR=/run/tmp',
      `cd ${process.cwd()}; ${process.execPath} ${vitest} ${tests}`,
    ];
    await runInGuest(scratch, commands.join('\n'), { memory: '2048M', timeout: 600_000 });
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'));
    process.stdout.write(`driver oci on cgroup v2: ${numPassedTests} passed, ${numFailedTests} failed\n`);
    expect(numFailedTests).toBe(0);
    expect(numPassedTests).toBeGreaterThan(40);
    rmSync(scratch, { recursive: true });
  }, 620_000);
}

describe('containers on cgroup v2', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'gantry-uml-'));
  let seen: Seen;

  beforeAll(async () => {
    await build({
      entryPoints: [join(import.meta.dirname, 'cgroup-v2-guest.ts')],
      outfile: join(scratch, 'guest.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
    });
    const guest = `${process.execPath} ${scratch}/guest.mjs ${scratch}`;
    await runInGuest(scratch, guest, { memory: '1024M', timeout: 120_000 });
    seen = JSON.parse(readFileSync(join(scratch, 'seen.json'), 'utf8')) as Seen;
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it('are made and measured without a problem', () => {
    expect(seen.problem).toBeUndefined();
    expect(seen.version).toBe(2);
  });

  it('are throttled to their limit of cpu', () => {
    expect(seen.cores).toBeGreaterThan(0.25);
    expect(seen.cores).toBeLessThan(0.35);
  });

  it('get more while they run, and are measured', () => {
    expect(seen.resizeProblem).toBe('');
    expect(seen.resizedCores).toBeGreaterThan(0.55);
    expect(seen.resizedCores).toBeLessThan(0.8);
    expect(seen.resizedMemory).toBe(String(48 * 2 ** 20));
    expect(seen.rssBytes).toBeGreaterThan(0);
  });

  it('get no cores of their own where the kernel cannot give them, and the agent says so', () => {
    expect(seen.cpuPolicy).toContain('wants the cpuset controller');
  });

  it('are killed at their limit of memory, and say so', () => {
    expect(seen.eater).toMatchObject({ exitCode: 137, oomKilled: true });
    expect(seen.eaterOomKills).toBe(1);
  });

  it('cannot fork beyond their limit of processes', () => {
    expect(seen.forks).toMatchObject({ status: 'exited', exitCode: 2, oomKilled: false });
  });

  it('leave no group behind', () => {
    expect(seen.left).toEqual([]);
  });
});
