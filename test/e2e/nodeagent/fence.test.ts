/** The agent's side of contract R4: what a renewal that comes too late does, and what a claim asks. Wants /proc. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Task } from '../../../api/kinds/resources.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { Fence } from '../../../nodeagent/fence/fence.ts';
import { endGuard } from '../../../nodeagent/fence/guard.ts';
import { FakeCluster } from '../../client/fake-cluster.ts';

let directory: string;
const { client } = new FakeCluster(systemClock);
const open = (): Promise<Fence> =>
  Fence.open({ directory, leaseDurationSeconds: 20, client, clock: systemClock });
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-fence-'));
});
afterEach(async () => {
  await endGuard(directory);
  rmSync(directory, { recursive: true });
});

describe('the deadline', () => {
  it('has passed on a node that never renewed its lease, and lies ahead when it has', async () => {
    const fence = await open();
    expect(fence.hasPassed()).toBe(true);
    await fence.renew(fence.now(), async () => {});
    expect(fence.hasPassed()).toBe(false);
    expect((await open()).hasPassed()).toBe(false);
  });

  it('fences everything before it is renewed too late, and nothing when in time', async () => {
    writeFileSync(join(directory, 'deadline'), `5 ${bootId} 2030-01-01T00:00:00Z\n`);
    const fence = await open();
    const seen: string[] = [];
    const fenceAll = async (): Promise<void> => {
      seen.push(readFileSync(join(directory, 'deadline'), 'utf8').split(' ')[0] ?? '');
    };
    await fence.renew(fence.now(), fenceAll);
    await fence.renew(fence.now(), fenceAll);
    expect(seen).toEqual(['5']);
  });

  it('of another boot has passed', async () => {
    writeFileSync(join(directory, 'deadline'), '999999999999 another-boot 2030-01-01T00:00:00Z\n');
    expect((await open()).hasPassed()).toBe(true);
  });

  it('counts from when a renewal was sent, however late its answer', async () => {
    const fence = await open();
    await fence.renew(fence.now() - 15, async () => {});
    expect(fence.hasPassed()).toBe(true);
  });
});

describe('a claim', () => {
  async function created(name: string, status: Task['status']): Promise<Task> {
    const draft = {
      metadata: { namespace: 'default', name },
      spec: { containers: [{ name: 'main' }] },
      status,
    };
    return client.create(Task, draft as unknown as Task);
  }

  it('of a pending task changes it, so that giving it up on older knowledge fails', async () => {
    const fence = await open();
    await fence.renew(fence.now(), async () => {});
    const task = await created('pending', { phase: 'Pending' });
    expect(await fence.claim(task)).toBe(true);
    const stale = client.updateStatus(Task, { ...task, status: { phase: 'Unknown' } });
    await expect(stale).rejects.toMatchObject({ reason: 'Conflict' });
  });

  it.each(['Unknown', 'Failed', 'Succeeded'] as const)('of a task that is %s is refused', async (phase) => {
    const fence = await open();
    await fence.renew(fence.now(), async () => {});
    expect(await fence.claim(await created(`is-${phase.toLowerCase()}`, { phase }))).toBe(false);
  });

  it('is refused when the deadline passed meanwhile', async () => {
    const fence = await open();
    expect(await fence.claim(await created('late', { phase: 'Pending' }))).toBe(false);
  });
});

it('forgets listed tasks that are gone', async () => {
  const fence = await open();
  await fence.renew(fence.now(), async () => {});
  await fence.list('uid-1', '/nowhere/1');
  await fence.list('uid-2', '/nowhere/2');
  await fence.keepOnly(new Set(['uid-2']));
  expect(readdirSync(join(directory, 'tasks'))).toEqual(['uid-2']);
  await fence.unlist('uid-2');
});
