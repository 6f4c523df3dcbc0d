import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep, systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { type ClusterHome, clusterHome, createHome, writeJson } from '../../cluster/cluster-home.ts';
import type { Part } from '../../cluster/parts.ts';
import { identify, isAlive, signal, terminate } from '../../cluster/process-identity.ts';
import { type RunningPart, readParts, Supervisor } from '../../cluster/supervisor.ts';

let scratch: string;
let home: ClusterHome;
const supervisors: Supervisor[] = [];

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'gantry-supervisor-'));
  home = clusterHome('t', { home: scratch, isRoot: false });
  await createHome(home);
});

afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) await supervisor.stop();
  for (const part of Object.values((await readParts(home)).parts)) await terminate(part, 1000, systemClock);
  rmSync(scratch, { recursive: true, force: true });
});

function part(name: string, script: string): Part {
  return { name, command: 'sh', args: ['-c', script], logFile: join(home.logs, `${name}.log`) };
}

async function supervise(...parts: Part[]): Promise<Supervisor> {
  const self = identify(process.pid);
  if (!self) throw new Error('this process is not known to /proc');
  const supervisor = new Supervisor(home, { clock: systemClock, logger: silentLogger, self });
  supervisors.push(supervisor);
  await supervisor.start(parts);
  return supervisor;
}

async function running(
  name: string,
  isWanted: (part: RunningPart) => boolean = () => true,
): Promise<RunningPart> {
  for (let tries = 0; tries < 400; tries++) {
    const found = (await readParts(home)).parts[name];
    if (found && isAlive(found) && isWanted(found)) return found;
    await sleep(systemClock, 20);
  }
  throw new Error(`${name} does not run`);
}

describe('the supervisor', () => {
  it('starts what dies again, at once', async () => {
    await supervise(part('a', 'sleep 1000'));
    const first = await running('a');
    signal(first, 'SIGKILL');
    const second = await running('a', ({ pid }) => pid !== first.pid);
    expect(second.restarts).toBe(1);
  });

  it('adopts the parts of the one before it', async () => {
    const before = await supervise(part('a', 'sleep 1000'));
    const first = await running('a');
    await before.stop();
    expect(isAlive(first)).toBe(true);
    await supervise(part('a', 'sleep 1000'), part('b', 'sleep 1000'));
    await running('b');
    expect(await running('a')).toEqual(first);
  });

  it('is written down even when there is nothing to start', async () => {
    const before = await supervise(part('a', 'sleep 1000'));
    await running('a');
    await before.stop();
    const { parts } = await readParts(home);
    await writeJson(home.partsFile, { parts });
    await supervise(part('a', 'sleep 1000'));
    expect((await readParts(home)).supervisor?.pid).toBe(process.pid);
  });

  it('starts an adopted part again when it dies', async () => {
    const before = await supervise(part('a', 'sleep 1000'));
    const first = await running('a');
    await before.stop();
    await supervise(part('a', 'sleep 1000'));
    signal(first, 'SIGKILL');
    expect((await running('a', ({ pid }) => pid !== first.pid)).restarts).toBe(1);
  });

  it('lets a part that cannot be started wait, and the others run', async () => {
    await supervise({ ...part('broken', ''), command: '/nowhere/binary' }, part('a', 'sleep 1000'));
    await running('a');
    expect((await readParts(home)).parts['broken']).toBeUndefined();
  });
});
