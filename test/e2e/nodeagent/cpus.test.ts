/** Cores of their own on a real node: given to whole cores of Guaranteed tasks, kept from the others, and given back. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../../api/kinds/resources.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { formatCpuList } from '../../../nodeagent/cpus/cpu-list.ts';
import { CpuPool } from '../../../nodeagent/cpus/cpu-pool.ts';
import { machineCpus } from '../../../nodeagent/cpus/machine-cpus.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually } from './machine-traces.ts';

const sleeping = { command: ['sleep', '100000'] };
const whole = { requests: { cpu: '1', memory: '16Mi' }, limits: { cpu: '1', memory: '16Mi' } };

describe('a node with the static cpu policy', () => {
  const agent = new LocalAgent();
  let all: number[] = [];
  let pool: CpuPool;

  const up = async (): Promise<void> => {
    const cpus = await machineCpus();
    all = [...cpus.keys()];
    const cgroups = (await detectCgroups())!;
    pool = new CpuPool({
      ...{ cpus, reserved: all.length - 1, cgroups, logger: silentLogger },
      records: () => agent.records,
      groupOf: ({ uid }) => `/${agent.marker}/${uid}`,
    });
    await agent.up({ cpus: pool });
    pool.start();
  };
  const down = async (): Promise<void> => {
    await pool.stop();
    await agent.stop();
  };
  beforeAll(up);
  afterAll(async () => {
    await pool.stop();
    await agent.remove();
  });

  /** As the kernel says it of the process. */
  const coresOf = async (name: string): Promise<string> => {
    const pid = (await agent.get(name)).status.containerStatuses?.[0]?.pid;
    return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  };
  const told = ({ status }: Task): string | undefined => status.containerStatuses?.[0]?.cpus;

  it('gives a core, moves the others away from it, and says so', async () => {
    await agent.create('shares', sleeping);
    await agent.running('shares');
    expect(await coresOf('shares')).toBe(formatCpuList(all));
    await agent.create('owns', { ...sleeping, resources: whole });
    const last = String(all.at(-1));
    expect(told(await agent.running('owns'))).toBe(last);
    expect(await coresOf('owns')).toBe(last);
    expect(await coresOf('shares')).toBe(formatCpuList(all.slice(0, -1)));
    await agent.create('comes', sleeping);
    await agent.running('comes');
    expect(await coresOf('comes')).toBe(formatCpuList(all.slice(0, -1)));
  });

  it('has no second one to give, until the first is given back', async () => {
    await agent.create('waits', { ...sleeping, resources: whole });
    const waiting = ({ status }: Task): boolean =>
      status.containerStatuses?.[0]?.state.waiting?.reason === 'CpusTaken';
    await agent.until('waits', 'it waits', waiting);
    await down();
    await up();
    expect(await coresOf('owns')).toBe(String(all.at(-1)));
    expect(told(await agent.get('owns'))).toBe(String(all.at(-1)));
    await agent.delete('owns');
    expect(told(await agent.running('waits'))).toBe(String(all.at(-1)));
    await agent.delete('waits');
    await eventually('the others have it back', async () => (await coresOf('shares')) === formatCpuList(all));
  });
});
