/**
 * Tasks come and go, with all that a node can make for one: nothing of them stays, wherever it could.
 * GANTRY_LEAK_CYCLES=200 for the long run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ConfigMap, Secret, Service, Task } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { connect, type HttpClient } from '../../client/http-client.ts';
import { loadClusterConfig } from '../../client/kubeconfig.ts';
import { namespacePath } from '../../cluster/network.ts';
import { eventually, LocalCluster } from './local-cluster.ts';
import { nodeTraces } from './node-traces.ts';

const cycles = Number(process.env['GANTRY_LEAK_CYCLES'] ?? 10);
const atOnce = 4;
/** Connections and files come and go with the agent's own work. */
const fewDescriptors = 6;
const cluster = new LocalCluster('leaks');
const namespace = 'default';
let client: HttpClient;

beforeAll(async () => {
  await cluster.up('--nodes', '1');
  client = connect(await loadClusterConfig([join(cluster.directory, 'kubeconfig')]));
  await client.create(ConfigMap, { metadata: { name: 'words', namespace }, data: { word: 'hello' } });
  await client.create(Secret, { metadata: { name: 'keys', namespace }, stringData: { key: 'abc' } });
  await client.create(Service, {
    metadata: { name: 'web', namespace },
    spec: { selector: { app: 'leak' }, ports: [{ port: 80, targetPort: 80 }] },
  });
});
afterAll(async () => {
  client?.close();
  await cluster.remove();
});

/** A group, users and a network of its own, a port of the node, every kind of volume, probes and hooks. */
function createTask(name: string, index: number): Promise<Task> {
  const volumeMounts = ['disk', 'memory', 'words', 'keys'].map((volume) => ({
    name: volume,
    mountPath: `/v/${volume}`,
    ...(volume === 'memory' ? { subPath: 'part' } : {}),
  }));
  return client.create(Task, {
    metadata: { name, namespace, labels: { app: 'leak' } },
    spec: {
      restartPolicy: 'Never',
      ...(index % 3 === 0 ? { runPolicy: 'AtMostOnce' as const } : {}),
      hostNetwork: false,
      terminationGracePeriodSeconds: 1,
      volumes: [
        { name: 'disk', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        { name: 'words', configMap: { name: 'words' } },
        { name: 'keys', secret: { secretName: 'keys' } },
      ],
      initContainers: [{ name: 'first', image: 'busybox', command: ['true'], volumeMounts }],
      containers: [
        {
          name: 'main',
          image: 'busybox',
          // Half of them end by themselves, the others are told to.
          command: index % 2 ? ['sh', '-c', 'sleep 0.3'] : ['sleep', '1000'],
          volumeMounts,
          ports: [{ containerPort: 80, hostPort: 9000 + (index % atOnce) }],
          readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
          lifecycle: { preStop: { exec: { command: ['true'] } } },
        },
      ],
    },
  });
}

async function cycle(index: number): Promise<void> {
  const name = `leak-${index}`;
  const key = { namespace, name };
  await createTask(name, index);
  await eventually(`${name} is as far as it gets`, async () => {
    const { status } = await client.get(Task, key);
    return status.phase === (index % 2 ? 'Succeeded' : 'Running');
  });
  await client.delete(Task, key);
  await eventually(`${name} is gone`, () =>
    client.get(Task, key).then(
      () => false,
      (error: unknown) => hasReason(error, 'NotFound'),
    ),
  );
}

async function runCycles(from: number, count: number): Promise<void> {
  const lanes = Array.from({ length: atOnce }, async (_, lane) => {
    for (let index = from + lane; index < from + count; index += atOnce) await cycle(index);
  });
  await Promise.all(lanes);
}

interface Network {
  nft: string;
  iptables: string;
  links: string[];
  namespaces: string[];
}

/** What is in the node's network namespace, and which namespaces there are. */
async function network(): Promise<Network> {
  const [node] = cluster.record.nodes;
  const inside = async (...command: string[]): Promise<string> => {
    const { stdout } = await execa('nsenter', [
      `--net=${namespacePath(node?.networkNamespace ?? '')}`,
      ...command,
    ]);
    return stdout;
  };
  const counted = /\[\d+:\d+\]|^#.*$|counter packets \d+ bytes \d+/gm;
  const links = JSON.parse(await inside('ip', '-json', 'link')) as { ifname: string }[];
  return {
    nft: (await inside('nft', 'list', 'ruleset')).replace(counted, ''),
    iptables: (await inside('iptables-save')).replace(counted, ''),
    links: links.map(({ ifname }) => ifname).sort(),
    namespaces: readdirSync('/var/run/netns').filter((name) => name.includes(cluster.machineName)),
  };
}

function agentPid(): number {
  return cluster.parts.parts['node-n1']?.pid ?? 0;
}

const descriptors = (): number => readdirSync(`/proc/${agentPid()}/fd`).length;

/** Of the agent: those that run, and those it has not waited for. */
function children(): string[] {
  const pids = readFileSync(`/proc/${agentPid()}/task/${agentPid()}/children`, 'utf8').trim();
  return pids === '' ? [] : pids.split(' ');
}

it(
  `leaves nothing behind, ${cycles} times over`,
  async () => {
    // What is made once and stays (the bridge, tables, connections) is there after the first ones.
    await runCycles(0, atOnce);
    await eventually('the first ones leave nothing', () => nodeTraces(cluster, 'n1').length === 0);
    const before = await network();
    const [descriptorsBefore, agentBefore] = [descriptors(), agentPid()];
    await runCycles(atOnce, cycles);
    await eventually('nothing is left', () => nodeTraces(cluster, 'n1').length === 0).catch(() =>
      expect(nodeTraces(cluster, 'n1')).toEqual([]),
    );
    await eventually('rules and links are as before', async () => {
      expect(await network()).toEqual(before);
      return true;
    });
    await eventually('the agent has no children', () => children().length === 0);
    await eventually('descriptors are as before', () => {
      expect(descriptors()).toBeLessThanOrEqual(descriptorsBefore + fewDescriptors);
      return true;
    });
    expect(agentPid()).toBe(agentBefore);
  },
  60_000 + cycles * 10_000,
);
