/**
 * Where everything of a local cluster is kept, and what is remembered of it between two commands.
 *
 *   $GANTRY_HOME/<name>/          default ~/.gantry/dev
 *     cluster.json                what was asked for: nodes, store, ports, subnet        (ClusterRecord)
 *     parts.json                  what runs: pids with their start times                 (supervisor.ts)
 *     kubeconfig                  the admin's way in
 *     pki/  kubeconfigs/          certificates and the parts' own ways in
 *     logs/<part>.log  audit.log
 *     store/  etcd-<n>/           the data
 *     images/  nodes/<node>/      image cache, tasks' files and logs
 *
 * Invariant: nothing of a cluster is kept anywhere else, but for runtime state that must not outlive a
 * reboot, which is under `runDirectory`.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ApiError } from '../api/meta/api-error.ts';
import { dnsLabelError } from '../api/meta/names.ts';
import type { Driver } from './options.ts';

export interface NodeRecord {
  name: string;
  address: string;
  port: number;
  /** Network namespace of the node; absent where the host allows none. */
  networkNamespace?: string;
  /** Addresses of its tasks that have a network of their own; known inside the cluster only. */
  taskCidr?: string;
}

export interface EtcdMember {
  name: string;
  clientPort: number;
  peerPort: number;
}

export interface ClusterRecord {
  name: string;
  /** Store URL for the API server. */
  store: string;
  etcd: EtcdMember[];
  apiPort: number;
  /** Where the scheduler tells about itself, on 127.0.0.1; clusters made before it did have none. */
  schedulerMetricsPort?: number;
  /** Addresses the API server listens on; the first is the admin's. */
  apiAddresses: string[];
  /** Bridge the nodes' namespaces hang on. */
  bridge?: { device: string; subnet: string; address: string };
  driver: Driver;
  /** For every node agent, without the dashes: `cpu-policy=static`. */
  agentFlags?: string[];
  nodes: NodeRecord[];
  /** The user's kubeconfig that the context was merged into. */
  kubeconfig?: string;
}

export interface ClusterHome {
  name: string;
  /** Its name on this machine, where clusters of other homes may be called the same: `<name>-<digest of the directory>`. */
  machineName: string;
  directory: string;
  /** Short, and wiped by a reboot: sockets and runtime state. */
  runDirectory: string;
  recordFile: string;
  partsFile: string;
  kubeconfigFile: string;
  pki: string;
  kubeconfigs: string;
  logs: string;
  images: string;
  path: (...parts: string[]) => string;
}

export interface Environment {
  home: string;
  gantryHome?: string;
  isRoot: boolean;
}

export function clusterHome(name: string, { home, gantryHome, isRoot }: Environment): ClusterHome {
  const problem = dnsLabelError(name, 20);
  if (problem) throw new ApiError('BadRequest', `--name ${JSON.stringify(name)} ${problem}`);
  const directory = resolve(gantryHome ?? join(home, '.gantry'), name);
  const machineName = `${name}-${createHash('sha256').update(directory).digest('hex').slice(0, 6)}`;
  const path = (...parts: string[]): string => join(directory, ...parts);
  return {
    name,
    machineName,
    directory,
    runDirectory: isRoot ? `/run/gantry/${machineName}` : path('run'),
    recordFile: path('cluster.json'),
    partsFile: path('parts.json'),
    kubeconfigFile: path('kubeconfig'),
    pki: path('pki'),
    kubeconfigs: path('kubeconfigs'),
    logs: path('logs'),
    images: path('images'),
    path,
  };
}

/** Creates the directories; the top is private, as keys live in it. Agents make those they run in. */
export async function createHome(home: ClusterHome): Promise<void> {
  await mkdir(home.directory, { recursive: true, mode: 0o711 });
  for (const directory of [home.pki, home.kubeconfigs])
    await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const directory of [home.logs, home.images]) await mkdir(directory, { recursive: true });
}

/** Undefined when there is no such file. */
export async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ApiError('InternalError', `cannot read ${file}: ${(error as Error).message}`, {}, error);
  }
}

/** Whole or not at all, readable by its owner alone. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`;
  await writeFile(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, file);
}

export const readRecord = (home: ClusterHome): Promise<ClusterRecord | undefined> =>
  readJson<ClusterRecord>(home.recordFile);
