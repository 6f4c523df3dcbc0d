/**
 * One node agent on a real local cluster with 100 tasks: how fast they start, what the agent itself needs while
 * nothing happens, and how many tasks notice when it is killed again and again.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { Job, Task } from '../api/kinds/resources.ts';
import { sleep, systemClock } from '../api/meta/clock.ts';
import { connect, type HttpClient } from '../client/http-client.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';
import type { PartsRecord } from '../cluster/supervisor.ts';
import { residentBytes } from './process-usage.ts';
import type { Table } from './table.ts';

const root = resolve(import.meta.dirname, '..');
const tasks = 100;
const kills = 10;
const idleMs = 30_000;
/** Linux counts in hundredths of a second. */
const tickMs = 10;

export async function run(): Promise<Table> {
  const scratch = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  const env = { GANTRY_HOME: join(scratch, 'home'), KUBECONFIG: join(scratch, 'kubeconfig') };
  const gantry = (...args: string[]) => execa(join(root, 'gantry'), args, { env });
  try {
    await gantry('up', '--name', 'bench', '--nodes', '1');
    const client = connect(await loadClusterConfig([join(scratch, 'home/bench/kubeconfig')]));
    const agent = () => agentPid(join(scratch, 'home/bench/parts.json'));
    const started = await startAll(client, agent());
    await sleep(systemClock, 10_000);
    const [cpuBefore, beganMs] = [cpuMs(agent()), systemClock.monotonicMs()];
    await sleep(systemClock, idleMs);
    const idle = (100 * (cpuMs(agent()) - cpuBefore)) / (systemClock.monotonicMs() - beganMs);
    const memory = residentBytes(agent()) / 2 ** 20;
    const disturbed = await killAgain(client, agent);
    const after = residentBytes(agent()) / 2 ** 20;
    client.close();
    return {
      title: `One agent, ${tasks} tasks`,
      columns: ['', 'measured', 'goal'],
      rows: [
        [`create → all ${tasks} Running, s`, started.wallMs / 1000, '≤ 5'],
        ['of that, cpu of the agent and its tools, ms per task', started.cpuMs / tasks, ''],
        ['memory of the agent, MiB', memory, '≤ 120'],
        ['the same after the kills, MiB', after, '≤ 120'],
        ['cpu while nothing happens, % of a core', idle, '≤ 2'],
        [`tasks disturbed by ${kills} kills`, disturbed, '0'],
      ],
    };
  } finally {
    await execa(join(root, 'gantry'), ['down', '--name', 'bench'], { env, reject: false });
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A job of all tasks, until a watch would say that each of them runs. */
async function startAll(client: HttpClient, pid: number): Promise<{ wallMs: number; cpuMs: number }> {
  const [beganMs, cpuBefore] = [systemClock.monotonicMs(), cpuMs(pid)];
  const resources = { requests: { cpu: '10m', memory: '4Mi' } };
  await client.create(Job, {
    metadata: { namespace: 'default', name: 'many' },
    spec: {
      type: 'Service',
      replicas: tasks,
      template: {
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', command: ['sleep', '100000'], resources }],
        },
      },
    },
  });
  while ((await running(client)).size < tasks) await sleep(systemClock, 100);
  return { wallMs: systemClock.monotonicMs() - beganMs, cpuMs: cpuMs(pid) - cpuBefore };
}

/** Pid and restarts of every task that runs, by name: what tells that one was disturbed. */
async function running(client: HttpClient): Promise<Map<string, string>> {
  const { items } = await client.list(Task, { namespace: 'default' });
  const live = items.filter(({ status }) => status.phase === 'Running');
  return new Map(
    live.map(({ metadata, status }) => {
      const [container] = status.containerStatuses ?? [];
      return [metadata.name, `${container?.pid} ${container?.restartCount}`];
    }),
  );
}

async function killAgain(client: HttpClient, agent: () => number): Promise<number> {
  const before = await running(client);
  for (let kill = 0; kill < kills; kill++) {
    const pid = agent();
    process.kill(pid, 'SIGKILL');
    while (agent() === pid) await sleep(systemClock, 50);
    await sleep(systemClock, 2000);
  }
  await sleep(systemClock, 5000);
  const after = await running(client);
  return [...before].filter(([name, was]) => after.get(name) !== was).length;
}

function agentPid(partsFile: string): number {
  const { parts } = JSON.parse(readFileSync(partsFile, 'utf8')) as PartsRecord;
  return parts['node-n1']?.pid ?? 0;
}

/** Own time and that of the children it has waited for. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return [11, 12, 13, 14].reduce((sum, field) => sum + (fields[field] ?? 0), 0) * tickMs;
}
