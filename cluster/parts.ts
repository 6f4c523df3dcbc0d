/** The processes of a cluster: what each is started with. Pure: record in, command lines out. */
import { join } from 'node:path';
import { kubeconfigOf, nodePki } from './certificates.ts';
import type { ClusterHome, ClusterRecord, EtcdMember, NodeRecord } from './cluster-home.ts';
import { namespacePath } from './network.ts';

export interface Part {
  name: string;
  command: string;
  args: string[];
  logFile: string;
}

/** Where things are that the parts are made of. */
export interface Installation {
  /** The node binary. */
  node: string;
  /** The built tree (dist/). */
  dist: string;
}

/** All parts, in the order they are started; `down` ends them in the opposite order. */
export function partsOf(home: ClusterHome, record: ClusterRecord, { node, dist }: Installation): Part[] {
  const part = (name: string, entry: string, args: string[], memoryMb: number): Part => ({
    name,
    command: node,
    args: [
      // An agent forks for every tool it runs, which costs by the memory it has touched.
      `--max-semi-space-size=${memoryMb >= 1024 ? 16 : 2}`,
      `--max-old-space-size=${memoryMb}`,
      join(dist, entry),
      ...args,
    ],
    logFile: join(home.logs, `${name}.log`),
  });
  return [
    ...record.etcd.map((member) => etcdPart(home, record.etcd, member)),
    part('apiserver', 'api/server/main.js', apiServerArgs(home, record), 2048),
    part('controllers', 'controllers/main.js', electedArgs(home, 'controllers'), 1024),
    part('scheduler', 'scheduler/main.js', schedulerArgs(home, record), 1024),
    ...record.nodes.map((node) =>
      inNamespace(node, part(`node-${node.name}`, 'nodeagent/main.js', agentArgs(home, record, node), 256)),
    ),
  ];
}

export function etcdDirectory(home: ClusterHome, { name }: EtcdMember): string {
  return home.path(name);
}

function etcdPart(home: ClusterHome, members: EtcdMember[], member: EtcdMember): Part {
  const peerUrl = ({ peerPort }: EtcdMember): string => `http://127.0.0.1:${peerPort}`;
  const clientUrl = `http://127.0.0.1:${member.clientPort}`;
  const flags = {
    name: member.name,
    'data-dir': etcdDirectory(home, member),
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'listen-peer-urls': peerUrl(member),
    'initial-advertise-peer-urls': peerUrl(member),
    'initial-cluster': members.map((each) => `${each.name}=${peerUrl(each)}`).join(','),
    'initial-cluster-token': `gantry-${home.name}`,
    'quota-backend-bytes': String(4 * 1024 ** 3),
    'max-txn-ops': '10000',
    'log-level': 'warn',
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return { name: member.name, command: 'etcd', args, logFile: join(home.logs, `${member.name}.log`) };
}

function apiServerArgs(home: ClusterHome, record: ClusterRecord): string[] {
  return [
    ...['--store', record.store],
    ...record.apiAddresses.flatMap((address) => ['--bind', address]),
    ...['--port', String(record.apiPort)],
    ...['--pki-dir', home.pki],
    ...['--audit-log', join(home.logs, 'audit.log')],
  ];
}

/**
 * The identity stays the same over restarts, so that a new process leads at once instead of waiting for the
 * lease of the one before. The supervisor starts it only when that is dead.
 */
function electedArgs(home: ClusterHome, name: string): string[] {
  return ['--kubeconfig', kubeconfigOf(home, name), '--identity', `${name}-of-${home.name}`];
}

function schedulerArgs(home: ClusterHome, { schedulerMetricsPort: port }: ClusterRecord): string[] {
  const metrics = port === undefined ? [] : ['--metrics-address', `127.0.0.1:${port}`];
  return [...electedArgs(home, 'scheduler'), ...metrics];
}

function agentArgs(home: ClusterHome, record: ClusterRecord, node: NodeRecord): string[] {
  return [
    ...['--kubeconfig', kubeconfigOf(home, `node-${node.name}`)],
    ...['--name', node.name],
    ...['--root-dir', nodeDirectory(home, node)],
    ...['--run-dir', nodeRunDirectory(home, node)],
    ...['--log-dir', join(nodeDirectory(home, node), 'logs')],
    ...['--image-dir', home.images],
    ...['--cgroup-parent', nodeCgroup(home, node)],
    ...['--address', node.address],
    ...['--port', String(node.port)],
    ...['--cell', home.name],
    // Only a node with an address of its own can have a DNS server there; rules belong into its own namespace.
    ...(node.networkNamespace === undefined ? ['--dns-port', '0', '--service-proxy', 'none'] : []),
    ...(node.taskCidr === undefined ? [] : ['--task-cidr', node.taskCidr]),
    ...['--pki-dir', nodePki(home, node.name)],
    ...['--driver', record.driver],
    '--shared-machine',
    ...(record.agentFlags ?? []).map((flag) => `--${flag}`),
  ];
}

export const nodeDirectory = (home: ClusterHome, { name }: NodeRecord): string => home.path('nodes', name);
export const nodeRunDirectory = (home: ClusterHome, { name }: NodeRecord): string =>
  join(home.runDirectory, name);
export const clusterCgroup = (home: ClusterHome): string => `/gantry/${home.machineName}`;
export const nodeCgroup = (home: ClusterHome, { name }: NodeRecord): string =>
  `${clusterCgroup(home)}/${name}`;

/** `nsenter` becomes the agent (same pid). `ip netns exec` would hide the cgroup mounts from runc. */
function inNamespace({ networkNamespace }: NodeRecord, part: Part): Part {
  if (networkNamespace === undefined) return part;
  return {
    ...part,
    command: 'nsenter',
    args: [`--net=${namespacePath(networkNamespace)}`, part.command, ...part.args],
  };
}
