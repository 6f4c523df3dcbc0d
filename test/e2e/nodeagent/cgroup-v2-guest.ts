/**
 * What runs inside the user-mode Linux of cgroup-v2.test.ts: the production driver and groups on a unified
 * hierarchy. Writes what it saw to `<scratch>/seen.json`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { type Cgroups, detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { openCpuPool } from '../../../nodeagent/cpus/open-cpu-pool.ts';
import { OciRuntime } from '../../../nodeagent/runtime/oci/oci-runtime.ts';
import type { ContainerState } from '../../../nodeagent/runtime/runtime.ts';
import type { ContainerLimits } from '../../../nodeagent/task/limits.ts';

export interface Seen {
  version?: number;
  /** Measured with a limit of 0.3. */
  cores?: number;
  rssBytes?: number;
  /** After a resize to 0.7 and 48 MiB. */
  resizedCores?: number;
  resizedMemory?: string;
  resizeProblem?: string;
  /** Why cores cannot be given away: this kernel has but one, and no controller for them. */
  cpuPolicy?: string;
  eater?: ContainerState;
  eaterOomKills?: number;
  /** Of a container that wants twelve more processes than its limit of six allows. */
  forks?: ContainerState;
  /** Groups that are still there at the end. */
  left?: string[];
  problem?: string;
}

const scratch = process.argv[2] ?? '/tmp';
const seen: Seen = {};
const runtime = new OciRuntime({
  rootDirectory: join(scratch, 'root'),
  runDirectory: '/run/gantry',
  logger: silentLogger,
});

async function run(
  cgroups: Cgroups,
  cid: string,
  script: string,
  asked: Partial<ContainerLimits>,
): Promise<string> {
  const cgroupPath = `/gantry/v2/${cid}`;
  const limits = { cpuShares: 1024, pids: 64, oomScoreAdj: 0, ...asked };
  await cgroups.create(dirname(cgroupPath));
  await cgroups.createBelow(cgroupPath);
  await cgroups.limit(cgroupPath, limits);
  const refusal = await runtime.create({
    cid,
    cgroupPath,
    limits,
    logPath: join(scratch, `${cid}.log`),
    hostname: cid,
    args: ['sh', '-c', script],
    env: ['PATH=/usr/bin:/bin'],
    workingDir: '/',
    user: { uid: 0, gid: 0 },
    root: { from: 'host' },
    readOnlyRoot: false,
    mounts: [],
  });
  if (refusal) throw new Error(refusal.message);
  await runtime.start(cid);
  return cgroupPath;
}

async function ended(cid: string): Promise<ContainerState> {
  for (let tries = 0; tries < 300; tries++) {
    const state = await runtime.state(cid);
    if (state.status === 'exited') return state;
    await sleep(systemClock, 100);
  }
  throw new Error(`${cid} does not end`);
}

async function measureCores(cgroups: Cgroups, path: string): Promise<number> {
  const [before, startMs] = [cgroups.usage(path), systemClock.monotonicMs()];
  await sleep(systemClock, 4000);
  const { cpuNanos } = cgroups.usage(path);
  return (cpuNanos - before.cpuNanos) / 1e6 / (systemClock.monotonicMs() - startMs);
}

async function remove(cgroups: Cgroups, cid: string, path: string): Promise<void> {
  await runtime.delete(cid);
  await cgroups.killAll(path);
  await cgroups.remove(path);
}

try {
  const cgroups = await detectCgroups();
  if (!cgroups) throw new Error('no control groups were found');
  seen.version = cgroups.version;

  const busy = await run(cgroups, 'busy', 'while :; do :; done', { cpuMilli: 300 });
  await sleep(systemClock, 1000);
  seen.cores = await measureCores(cgroups, busy);
  seen.rssBytes = cgroups.usage(busy).rssBytes;
  const more = { cpuMilli: 700, cpuShares: 1024, memoryBytes: 48 * 2 ** 20, pids: 64, oomScoreAdj: 0 };
  await cgroups.limit(busy, more);
  seen.resizeProblem = (await runtime.update('busy', more)) ?? '';
  seen.resizedCores = await measureCores(cgroups, busy);
  seen.resizedMemory = readFileSync(`/sys/fs/cgroup${busy}/busy/memory.max`, 'utf8').trim();
  await remove(cgroups, 'busy', busy);

  const flags = { cpuPolicy: 'static' as const, cgroupParent: '/gantry/v2' };
  const reserves = { system: { cpu: '1' }, agent: {} };
  const pool = { flags: { ...flags, reserves }, cgroups, records: () => [], logger: silentLogger };
  seen.cpuPolicy = await openCpuPool({ ...pool, driver: 'oci' }).then(
    () => 'opened',
    (error: Error) => error.message,
  );

  const eater = await run(cgroups, 'eater', 'a=x; while :; do a=$a$a; done', { memoryBytes: 32 * 2 ** 20 });
  seen.eater = await ended('eater');
  seen.eaterOomKills = cgroups.usage(eater).oomKills;
  await remove(cgroups, 'eater', eater);

  const many = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; wait';
  const forks = await run(cgroups, 'forks', many, { pids: 6 });
  seen.forks = await ended('forks');
  await remove(cgroups, 'forks', forks);

  await cgroups.removeIfEmpty('/gantry/v2');
  await cgroups.removeIfEmpty('/gantry');
  seen.left = readdirSync('/sys/fs/cgroup').filter((name) => name.includes('gantry'));
} catch (error) {
  seen.problem = String((error as Error).stack);
}
writeFileSync(join(scratch, 'seen.json'), JSON.stringify(seen));
await runtime.close();
process.exit(0);
