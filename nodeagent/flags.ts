/**
 * The command line of the node agent: one row per flag, `field: flag(name, how its text is read, what holds
 * when it is absent)`. A flag that is wrong is named in the error, and nothing has been started by then.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ApiError } from '../api/meta/api-error.ts';
import { defaultHard, parseThresholds } from './eviction/thresholds.ts';
import * as read from './flag-values.ts';

const rows = {
  kubeconfig: required('kubeconfig', read.text),
  name: required('name', read.text),
  rootDirectory: required('root-dir', read.text),
  runDirectory: required('run-dir', read.text),
  pkiDirectory: required('pki-dir', read.text),
  address: required('address', read.text),
  port: required('port', read.wholeNumber),
  driver: flag('driver', read.oneOf('auto', 'oci', 'cri', 'unconfined'), 'auto'),
  /** Of the container engine for the driver cri; absent: a containerd of the node's own. */
  criEndpoint: optional('cri-endpoint', read.unixSocket),
  /** Below the root directory when absent, as are images and preload. */
  logDirectory: optional('log-dir', read.text),
  imageDirectory: optional('image-dir', read.text),
  /** Archives taken in at start, and never collected. */
  preloadDirectory: optional('preload-dir', read.text),
  /** Absent: /gantry/<name>. */
  cgroupParent: optional('cgroup-parent', read.text),
  labels: flag('labels', read.labels, ''),
  capacity: flag('capacity', read.amounts, ''),
  systemReserved: flag('system-reserved', read.amounts, 'memory=100Mi'),
  agentReserved: flag('agent-reserved', read.amounts, ''),
  /** static: cores of their own for whole cores of Guaranteed tasks. */
  cpuPolicy: flag('cpu-policy', read.oneOf('none', 'static'), 'none'),
  leaseDurationSeconds: flag('lease-duration-seconds', read.wholeNumber, '20'),
  /** What all tasks together get to end in when the machine shuts down (SIGPWR). */
  shutdownGraceSeconds: flag('shutdown-grace-period-seconds', read.wholeNumber, '30'),
  /** All tasks together may have no more processes; absent: as many as the machine. */
  maxProcesses: optional('max-processes', read.wholeNumber),
  /** Other nodes run on this machine: what tasks of this one use is all it uses. */
  sharedMachine: onOff('shared-machine'),
  allowedHostPaths: flag('allow-host-path', read.allowedPaths, ''),
  /** Where vendors describe devices (CDI). */
  cdiDirectories: flag('cdi-spec-dirs', read.list, '/etc/cdi,/var/run/cdi'),
  /** Kinds of them that are GPUs, of which tasks may have parts: nvidia.com/gpu,… */
  sharedGpus: flag('shared-gpus', read.list, ''),

  /** Last part of the names its DNS knows. */
  cell: flag('cell', read.subdomain, 'gantry'),
  /** 0: no DNS. */
  dnsPort: flag('dns-port', read.wholeNumber, '53'),
  serviceProxy: flag('service-proxy', read.oneOf('nft', 'none'), 'nft'),
  /** Addresses of tasks with a network of their own; absent: there are none. */
  taskCidr: optional('task-cidr', read.addressRange),

  evictionHard: flag('eviction-hard', read.text, defaultHard),
  evictionSoft: flag('eviction-soft', read.text, ''),
  evictionSoftGrace: flag('eviction-soft-grace-period', read.text, ''),
  evictionMinimumReclaim: flag('eviction-minimum-reclaim', read.text, ''),
  /** How long a pressure is told after it was last seen. */
  pressureTransitionSeconds: flag('eviction-pressure-transition-seconds', read.wholeNumber, '300'),

  /** Mirrors and certificates of registries, YAML. */
  registriesFile: optional('registries', read.text),
  /** The node's own logins, a Docker configuration file. */
  registryAuthFile: optional('registry-auth', read.text),
  imageGcHighPercent: flag('image-gc-high-percent', read.percent, '85'),
  imageGcLowPercent: flag('image-gc-low-percent', read.percent, '80'),
  imageGcMinAgeSeconds: flag('image-gc-min-age-seconds', read.wholeNumber, '120'),
};

export type AgentFlags = ReturnType<typeof parseFlags>;

/** Throws ApiError BadRequest naming the flag that is missing or wrong. */
export function parseFlags(args: readonly string[]) {
  const texts = textsOf(args);
  const given = Object.fromEntries(
    Object.entries(rows).map(([field, row]) => [field, row.read(texts[row.name])]),
  ) as { [Field in keyof typeof rows]: ReturnType<(typeof rows)[Field]['read']> };
  const { rootDirectory, name } = given;
  return {
    ...given,
    logDirectory: given.logDirectory ?? join(rootDirectory, 'logs'),
    imageDirectory: given.imageDirectory ?? join(rootDirectory, 'images'),
    preloadDirectory: given.preloadDirectory ?? join(rootDirectory, 'preload'),
    cgroupParent: given.cgroupParent ?? `/gantry/${name}`,
    reserves: { system: given.systemReserved, agent: given.agentReserved },
    thresholds: parseThresholds({
      hard: given.evictionHard,
      soft: given.evictionSoft,
      softGrace: given.evictionSoftGrace,
      minimumReclaim: given.evictionMinimumReclaim,
    }),
  };
}

type Given = string | boolean | undefined;

interface Row<T> {
  /** As it is written after the `--`. */
  name: string;
  type: 'string' | 'boolean';
  read(given: Given): T;
}

function flag<T>(name: string, read: read.Reader<T>, absent: string): Row<T> {
  return { name, type: 'string', read: (given) => read(String(given ?? absent), name) };
}

function required<T>(name: string, read: read.Reader<T>): Row<T> {
  return {
    name,
    type: 'string',
    read: (given) => {
      if (given) return read(String(given), name);
      throw new ApiError('BadRequest', `--${name} is required`);
    },
  };
}

function optional<T>(name: string, read: read.Reader<T>): Row<T | undefined> {
  return {
    name,
    type: 'string',
    read: (given) => (given === undefined ? undefined : read(String(given), name)),
  };
}

function onOff(name: string): Row<boolean> {
  return { name, type: 'boolean', read: (given) => given === true };
}

function textsOf(args: readonly string[]): Record<string, Given> {
  const options = Object.fromEntries(Object.values(rows).map(({ name, type }) => [name, { type }]));
  try {
    return parseArgs({ args: [...args], options }).values as Record<string, Given>;
  } catch (error) {
    throw new ApiError('BadRequest', error instanceof Error ? error.message : String(error));
  }
}
