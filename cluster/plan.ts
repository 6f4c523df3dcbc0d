/**
 * What a cluster is to look like: options and what is remembered in, ClusterRecord out. What a cluster
 * already has (ports, addresses, members) is kept, so that `up` can be repeated.
 */
import { ApiError } from '../api/meta/api-error.ts';
import type { ClusterHome, ClusterRecord, EtcdMember, NodeRecord } from './cluster-home.ts';
import { type Bridge, chooseBridge } from './network.ts';
import type { Driver, UpOptions } from './options.ts';
import { freePort, isPortFree } from './ports.ts';

const defaultApiPort = 7443;
const agentPort = 10250;
const firstEtcdPort = 7500;
const schedulerMetricsPort = 10259;

export interface Plan {
  home: ClusterHome;
  known: ClusterRecord | undefined;
  options: UpOptions;
  /** Whether nodes can have network namespaces of their own. */
  namespaces: boolean;
  driver: Driver;
  /** Whether the API server of this cluster runs: its port is then its own. */
  apiServerRuns: boolean;
}

export async function planCluster({
  home,
  known,
  options,
  namespaces,
  driver,
  apiServerRuns,
}: Plan): Promise<ClusterRecord> {
  const nodeCount = wholeNumber('--nodes', options.nodes, known?.nodes.length ?? 3, 100);
  const bridge =
    known?.bridge ?? (namespaces && nodeCount > 0 ? await chooseBridge(home.machineName) : undefined);
  const etcd = known?.etcd ?? (await planEtcd(options));
  const store = planStore(home, options, etcd, known);
  const apiPort = await planApiPort(options, known, apiServerRuns);
  const nodes: NodeRecord[] = [];
  for (let index = 1; index <= nodeCount; index++) {
    nodes.push(known?.nodes[index - 1] ?? (await planNode(home, index, bridge)));
  }
  return {
    name: home.name,
    store,
    etcd,
    apiPort,
    schedulerMetricsPort: await planMetricsPort(known, apiServerRuns),
    apiAddresses: ['127.0.0.1', ...(bridge ? [bridge.address] : [])],
    ...(bridge ? { bridge } : {}),
    driver: known?.driver ?? driver,
    agentFlags: options.agentFlag ?? known?.agentFlags ?? [],
    nodes,
    ...(known?.kubeconfig ? { kubeconfig: known.kubeconfig } : {}),
  };
}

function planStore(
  home: ClusterHome,
  options: UpOptions,
  etcd: EtcdMember[],
  known: ClusterRecord | undefined,
): string {
  const wanted =
    options.store ??
    (options.etcd
      ? `etcd://${etcd.map(({ clientPort }) => `127.0.0.1:${clientPort}`).join(',')}`
      : undefined);
  if (known && wanted !== undefined && wanted !== known.store) {
    throw new ApiError(
      'Conflict',
      `cluster ${home.name} keeps its data in ${known.store}; 'gantry down --name ${home.name}' first, or choose another --name`,
    );
  }
  return known?.store ?? wanted ?? `embedded:${home.path('store')}`;
}

async function planEtcd(options: UpOptions): Promise<EtcdMember[]> {
  if (!options.etcd) return [];
  const count = wholeNumber('--etcd', options.etcd === true ? undefined : options.etcd, 1, 5);
  const members: EtcdMember[] = [];
  for (let index = 0; index < count; index++) {
    const clientPort = await freePort('127.0.0.1', firstEtcdPort + 2 * index);
    members.push({
      name: `etcd-${index}`,
      clientPort,
      peerPort: await freePort('127.0.0.1', firstEtcdPort + 2 * index + 1),
    });
  }
  return members;
}

async function planApiPort(
  options: UpOptions,
  known: ClusterRecord | undefined,
  apiServerRuns: boolean,
): Promise<number> {
  if (apiServerRuns && known) return known.apiPort;
  if (options.port === undefined) return freePort('127.0.0.1', known?.apiPort ?? defaultApiPort);
  const port = wholeNumber('--port', options.port, 0, 65535);
  if (!(await isPortFree('127.0.0.1', port)))
    throw new ApiError(
      'Conflict',
      `--port ${port} is taken by another process; leave --port out to have a free one picked`,
    );
  return port;
}

async function planMetricsPort(known: ClusterRecord | undefined, clusterRuns: boolean): Promise<number> {
  const port = known?.schedulerMetricsPort;
  return clusterRuns && port !== undefined ? port : freePort('127.0.0.1', port ?? schedulerMetricsPort);
}

async function planNode(home: ClusterHome, index: number, bridge: Bridge | undefined): Promise<NodeRecord> {
  const name = `n${index}`;
  if (!bridge) return { name, address: '127.0.0.1', port: await freePort('127.0.0.1', agentPort + index) };
  return {
    name,
    address: `${bridge.subnet}.${10 + index}`,
    port: agentPort,
    networkNamespace: `gantry-${home.machineName}-${name}`,
    taskCidr: `10.88.${index}.0/24`,
  };
}

export function wholeNumber(
  flag: string,
  text: string | undefined,
  fallback: number,
  maximum: number,
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d{1,6}$/.test(text) || value > maximum)
    throw new ApiError(
      'BadRequest',
      `${flag} ${JSON.stringify(text)} must be a whole number from 0 to ${maximum}`,
    );
  return value;
}

const unitsMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "60s", "2m", "500ms" in milliseconds. */
export function durationMs(flag: string, text: string): number {
  const match = /^(\d{1,6})(ms|s|m|h)$/.exec(text);
  if (!match)
    throw new ApiError('BadRequest', `${flag} ${JSON.stringify(text)} must be a duration such as 30s or 2m`);
  return Number(match[1]) * (unitsMs[match[2] ?? 's'] ?? 1);
}
