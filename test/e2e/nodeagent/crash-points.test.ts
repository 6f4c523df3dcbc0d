/**
 * An agent that is killed at any step of a task's life leaves a state from which the next one goes on: what ran runs
 * on, what was begun is finished once, what was to go is gone. The agents are the real processes of three nodes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Task } from '../../../api/kinds/resources.ts';
import { hasReason } from '../../../api/meta/api-error.ts';
import { connect, type HttpClient } from '../../../client/http-client.ts';
import { loadClusterConfig } from '../../../client/kubeconfig.ts';
import { clusterHome, writeJson } from '../../../cluster/cluster-home.ts';
import { partsOf } from '../../../cluster/parts.ts';
import { isAlive, signal } from '../../../cluster/process-identity.ts';
import { eventually, LocalCluster } from '../local-cluster.ts';
import { nodeTraces } from '../node-traces.ts';
import { crashPoints as allPoints, type CrashPoint, isTelling, nameOf, phases } from './crash-points.ts';

const root = resolve(import.meta.dirname, '../../..');
const bundle = join(root, `dist-crash-${process.pid}.tmp`);
const cluster = new LocalCluster('crash');
const crashPoints = process.env['GANTRY_CRASH_POINTS'] === 'all' ? allPoints : allPoints.filter(isTelling);
const freeNodes = ['n1', 'n2', 'n3'];
const waiting: ((node: string) => void)[] = [];
/** Started here, by node. */
const agents = new Map<string, ChildProcess[]>();
const outcomes = new Map<CrashPoint, string>();
let client: HttpClient;
/** A busy machine takes its time. */
const patienceMs = 120_000;

beforeAll(async () => {
  await buildAgent();
  await cluster.up('--nodes', `${freeNodes.length}`);
  await takeAgents();
  client = connect(await loadClusterConfig([join(cluster.directory, 'kubeconfig')]));
});
afterAll(async () => {
  client?.close();
  await cluster.remove();
  rmSync(bundle, { recursive: true, force: true });
  process.stdout.write(`\n${table()}\n`);
});

/** As `build.mjs` does, with the entry that can die. */
async function buildAgent(): Promise<void> {
  mkdirSync(join(bundle, 'nodeagent'), { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, 'crashing-agent.ts')],
    outfile: join(bundle, 'nodeagent/main.js'),
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node20', mainFields: ['module', 'main'] },
    external: ['@grpc/*', 'pino'],
    banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
  });
}

/** The supervisor lets go of the agents, and they end: from now on they are started here. */
async function takeAgents(): Promise<void> {
  const { record, parts } = cluster;
  const file = join(cluster.directory, 'cluster.json');
  await writeJson(file, { ...record, nodes: [] });
  if (parts.supervisor) signal(parts.supervisor, 'SIGHUP');
  for (const [name, part] of Object.entries(parts.parts)) {
    if (!name.startsWith('node-')) continue;
    await eventually(`${name} stays dead`, async () => {
      const running = cluster.parts.parts[name] ?? part;
      if (!isAlive(running)) return !isAlive(cluster.parts.parts[name] ?? part);
      signal(running, 'SIGKILL');
      return false;
    });
  }
  await writeJson(file, record);
}

function startAgent(node: string, crashAt = ''): ChildProcess {
  const { name, environment } = cluster;
  const home = clusterHome(name, { home: '', gantryHome: environment['GANTRY_HOME'] ?? '', isRoot: true });
  const parts = partsOf(home, cluster.record, { node: process.execPath, dist: bundle });
  const part = parts.find((each) => each.name === `node-${node}`);
  if (!part) throw new Error(`${node} has no agent`);
  const log = openSync(part.logFile, 'a');
  const env = { PATH: process.env['PATH'], CRASH_AT: crashAt };
  const agent = spawn(part.command, part.args, { stdio: ['ignore', log, log], env });
  agents.set(node, [...(agents.get(node) ?? []), agent]);
  return agent;
}

async function kill(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  agent.kill('SIGKILL');
  await once(agent, 'exit');
}

/** Fails when the agent never gets to where it is to die. */
async function death(agent: ChildProcess): Promise<void> {
  await eventually('the agent dies', () => agent.signalCode ?? agent.exitCode ?? undefined, patienceMs);
  expect(agent.signalCode).toBe('SIGKILL');
}

/** With everything an agent makes for a task: a group, files, a network with a port. */
function createTask(name: string, node: string): Promise<Task> {
  return client.create(Task, {
    metadata: { name, namespace: 'default' },
    spec: {
      hostNetwork: false,
      terminationGracePeriodSeconds: 5,
      nodeSelector: { 'kubernetes.io/hostname': node },
      volumes: [{ name: 'm', emptyDir: { medium: 'Memory' } }],
      containers: [
        {
          name: 'main',
          image: 'busybox',
          command: ['sh', '-c', 'echo up; trap "exit 0" TERM; while :; do sleep 0.1; done'],
          volumeMounts: [{ name: 'm', mountPath: '/m', subPath: 'part' }],
          ports: [{ containerPort: 80, hostPort: 8080 }],
        },
      ],
    },
  });
}

const find = (name: string): Promise<Task | undefined> =>
  client.get(Task, { namespace: 'default', name }).catch((error: unknown) => {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  });

function running(name: string): Promise<Task> {
  return eventually(
    `${name} runs`,
    async () => {
      const task = await find(name);
      if (task?.status.containerStatuses?.[0]?.state.running) return task;
      throw new Error(JSON.stringify(task?.status));
    },
    patienceMs,
  );
}

/** How often the container's process has begun. */
function begun({ metadata }: Task, node: string): number {
  const directory = join(cluster.directory, 'nodes', node, 'logs', metadata.uid ?? '', 'main');
  const logs = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  const text = logs.map((entry) => readFileSync(join(directory, entry.name), 'utf8')).join('');
  return text.match(/ up$/gm)?.length ?? 0;
}

async function live(point: CrashPoint, name: string, node: string): Promise<string> {
  const dying = startAgent(node, nameOf(point));
  const created = await createTask(name, node);
  const isEnd = point.phase === 'stop' || point.phase === 'delete';
  if (isEnd) {
    await running(name);
    await client.delete(Task, { namespace: 'default', name });
  }
  await death(dying);
  const pidBefore = containerPid(node);
  startAgent(node);
  let outcome = 'nothing left';
  if (!isEnd) {
    const task = await running(name);
    const { pid, restartCount } = task.status.containerStatuses?.[0] ?? {};
    expect({ restartCount, containers: containers(node) }).toMatchObject({ restartCount: 0, containers: 1 });
    await eventually('it says that it is up', () => begun(created, node) > 0);
    expect(begun(created, node)).toBe(1);
    outcome = pidBefore !== undefined && pidBefore === pid ? 'adopted' : 'finished';
    await client.delete(Task, { namespace: 'default', name });
  }
  await eventually(`${name} is gone`, async () => (await find(name)) === undefined, patienceMs);
  await eventually('nothing is left', () => nodeTraces(cluster, node).length === 0).catch(() =>
    expect(nodeTraces(cluster, node)).toEqual([]),
  );
  return outcome;
}

function containers(node: string): number {
  return readdirSync(join(cluster.directory, 'nodes', node, 'c')).length;
}

/** The first process of the node's one container, when it has been told to run. */
function containerPid(node: string): number | undefined {
  const group = `/gantry/${cluster.machineName}/${node}/`;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const found = pids.filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return (
        readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(group) && command.startsWith('sh\0-c\0echo up')
      );
    } catch {
      return false;
    }
  });
  return found.map(Number)[0];
}

/** Steps down, outcomes across. */
function table(): string {
  const rows = crashPoints.map((point) => [point.phase, nameOf(point), outcomes.get(point) ?? 'FAILED']);
  const width = Math.max(...rows.map(([, name = '']) => name.length));
  return rows
    .map(([phase = '', name = '', outcome]) => `${phase.padEnd(7)} ${name.padEnd(width)} ${outcome}`)
    .join('\n');
}

describe.each(phases)('an agent killed at a %s', (phase) => {
  const points = crashPoints.filter((point) => point.phase === phase);
  it.concurrent.each(points.map((point) => [nameOf(point), point] as const))(
    '%s',
    async (_name, point) => {
      const node = freeNodes.pop() ?? (await new Promise<string>((resolve) => waiting.push(resolve)));
      try {
        outcomes.set(point, await live(point, `victim-${crashPoints.indexOf(point)}`, node));
      } finally {
        for (const agent of agents.get(node) ?? []) await kill(agent);
        const next = waiting.shift();
        if (next) next(node);
        else freeNodes.push(node);
      }
    },
    6 * patienceMs,
  );
});
