/** The command line of the node agent. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ApiError } from '../api/meta/api-error.ts';
import { parseRange } from '../api/meta/ip-address.ts';
import { dnsSubdomainError, labelValueError, qualifiedNameError } from '../api/meta/names.ts';
import { canonicalQuantity } from '../api/meta/quantity.ts';
import type { Reserves } from './allocatable.ts';
import { defaultHard, parseThresholds, type Threshold } from './eviction/thresholds.ts';
import type { DriverChoice } from './preflight.ts';
import { type AllowedPath, parseAllowedPaths } from './volumes/host-path.ts';

export interface AgentFlags {
  kubeconfig: string;
  name: string;
  rootDirectory: string;
  runDirectory: string;
  logDirectory: string;
  imageDirectory: string;
  cgroupParent: string;
  address: string;
  port: number;
  /** Last part of the names its DNS knows. */
  cell: string;
  /** 0: no DNS. */
  dnsPort: number;
  serviceProxy: 'nft' | 'none';
  /** Addresses of tasks with a network of their own; absent: there are none. */
  taskCidr?: string;
  pkiDirectory: string;
  driver: DriverChoice;
  capacity: Record<string, string>;
  labels: Record<string, string>;
  leaseDurationSeconds: number;
  reserves: Reserves;
  thresholds: Threshold[];
  /** How long a pressure is told after it was last seen. */
  pressureTransitionSeconds: number;
  /** Where vendors describe devices (CDI). */
  cdiDirectories: string[];
  /** All tasks together may have no more processes; absent: as many as the machine. */
  maxProcesses?: number;
  allowedHostPaths: AllowedPath[];
  /** Other nodes run on this machine: what tasks of this one use is all it uses. */
  sharedMachine: boolean;
  /** Mirrors and certificates of registries, YAML. */
  registriesFile?: string;
  /** The node's own logins, a Docker configuration file. */
  registryAuthFile?: string;
  /** Archives taken in at start, and never collected. */
  preloadDirectory: string;
  imageGcHighPercent: number;
  imageGcLowPercent: number;
  imageGcMinAgeSeconds: number;
}

/** Throws ApiError BadRequest naming the flag that is missing or wrong. */
export function parseFlags(args: readonly string[]): AgentFlags {
  const { values } = parse(args);
  const required = (flag: Exclude<keyof typeof values, 'shared-machine'>): string => {
    const value = values[flag];
    if (value) return value;
    throw new ApiError('BadRequest', `--${flag} is required`);
  };
  const rootDirectory = required('root-dir');
  const name = required('name');
  return {
    kubeconfig: required('kubeconfig'),
    name,
    rootDirectory,
    runDirectory: required('run-dir'),
    logDirectory: values['log-dir'] ?? join(rootDirectory, 'logs'),
    imageDirectory: values['image-dir'] ?? join(rootDirectory, 'images'),
    cgroupParent: values['cgroup-parent'] ?? `/gantry/${name}`,
    address: required('address'),
    port: wholeNumber('port', required('port')),
    cell: cellOf(values.cell ?? 'gantry'),
    dnsPort: wholeNumber('dns-port', values['dns-port'] ?? '53'),
    serviceProxy: serviceProxyOf(values['service-proxy'] ?? 'nft'),
    ...(values['task-cidr'] === undefined ? {} : { taskCidr: rangeOf(values['task-cidr']) }),
    pkiDirectory: required('pki-dir'),
    driver: driverOf(values.driver ?? 'auto'),
    capacity: amountsOf('capacity', values.capacity ?? ''),
    labels: labelsOf(values.labels ?? ''),
    allowedHostPaths: allowedPathsOf(values['allow-host-path'] ?? ''),
    reserves: {
      system: amountsOf('system-reserved', values['system-reserved'] ?? 'memory=100Mi'),
      agent: amountsOf('agent-reserved', values['agent-reserved'] ?? ''),
    },
    thresholds: parseThresholds({
      hard: values['eviction-hard'] ?? defaultHard,
      soft: values['eviction-soft'] ?? '',
      softGrace: values['eviction-soft-grace-period'] ?? '',
      minimumReclaim: values['eviction-minimum-reclaim'] ?? '',
    }),
    pressureTransitionSeconds: wholeNumber(
      'eviction-pressure-transition-seconds',
      values['eviction-pressure-transition-seconds'] ?? '300',
    ),
    ...(values['max-processes'] === undefined
      ? {}
      : { maxProcesses: wholeNumber('max-processes', values['max-processes']) }),
    cdiDirectories: (values['cdi-spec-dirs'] ?? '/etc/cdi,/var/run/cdi').split(',').filter(Boolean),
    sharedMachine: values['shared-machine'] ?? false,
    ...(values.registries === undefined ? {} : { registriesFile: values.registries }),
    ...(values['registry-auth'] === undefined ? {} : { registryAuthFile: values['registry-auth'] }),
    imageGcHighPercent: percent('image-gc-high-percent', values['image-gc-high-percent'] ?? '85'),
    imageGcLowPercent: percent('image-gc-low-percent', values['image-gc-low-percent'] ?? '80'),
    imageGcMinAgeSeconds: wholeNumber(
      'image-gc-min-age-seconds',
      values['image-gc-min-age-seconds'] ?? '120',
    ),
    preloadDirectory: values['preload-dir'] ?? join(rootDirectory, 'preload'),
    leaseDurationSeconds: wholeNumber('lease-duration-seconds', values['lease-duration-seconds'] ?? '20'),
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        kubeconfig: text,
        name: text,
        'root-dir': text,
        'run-dir': text,
        'log-dir': text,
        'image-dir': text,
        'cgroup-parent': text,
        address: text,
        port: text,
        cell: text,
        'dns-port': text,
        'service-proxy': text,
        'task-cidr': text,
        'pki-dir': text,
        driver: text,
        capacity: text,
        labels: text,
        'lease-duration-seconds': text,
        'allow-host-path': text,
        'system-reserved': text,
        'agent-reserved': text,
        'eviction-hard': text,
        'eviction-soft': text,
        'eviction-soft-grace-period': text,
        'eviction-minimum-reclaim': text,
        'eviction-pressure-transition-seconds': text,
        'max-processes': text,
        'cdi-spec-dirs': text,
        'shared-machine': { type: 'boolean' },
        registries: text,
        'registry-auth': text,
        'preload-dir': text,
        'image-gc-high-percent': text,
        'image-gc-low-percent': text,
        'image-gc-min-age-seconds': text,
      },
    });
  } catch (error) {
    throw new ApiError('BadRequest', error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ApiError('BadRequest', `--${flag} must be a whole number, not ${JSON.stringify(text)}`);
}

function cellOf(text: string): string {
  const problem = dnsSubdomainError(text);
  if (problem) throw new ApiError('BadRequest', `--cell: ${problem}`);
  return text;
}

function serviceProxyOf(text: string): AgentFlags['serviceProxy'] {
  if (text === 'nft' || text === 'none') return text;
  throw new ApiError('BadRequest', `--service-proxy must be nft or none, not ${JSON.stringify(text)}`);
}

function percent(flag: string, text: string): number {
  const value = wholeNumber(flag, text);
  if (value <= 100) return value;
  throw new ApiError('BadRequest', `--${flag} must be from 0 to 100, not ${text}`);
}

function rangeOf(text: string): string {
  parseRange(text);
  return text;
}

function driverOf(text: string): DriverChoice {
  if (text === 'auto' || text === 'oci' || text === 'unconfined') return text;
  throw new ApiError('BadRequest', `--driver must be auto, oci or unconfined, not ${JSON.stringify(text)}`);
}

function allowedPathsOf(text: string): AllowedPath[] {
  const paths = parseAllowedPaths(text);
  if (paths) return paths;
  throw new ApiError('BadRequest', `--allow-host-path wants absolute paths, not ${JSON.stringify(text)}`);
}

function amountsOf(flag: string, text: string): Record<string, string> {
  return Object.fromEntries(pairs(flag, text).map(([name, amount]) => [name, canonicalQuantity(amount)]));
}

function labelsOf(text: string): Record<string, string> {
  const labels = pairs('labels', text);
  for (const [key, value] of labels) {
    const problem = qualifiedNameError(key) ?? labelValueError(value);
    if (problem) throw new ApiError('BadRequest', `--labels: ${key}=${value}: ${problem}`);
  }
  return Object.fromEntries(labels);
}

function pairs(flag: string, text: string): [string, string][] {
  return text
    .split(',')
    .filter(Boolean)
    .map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0)
        throw new ApiError('BadRequest', `--${flag} wants name=value pairs, not ${JSON.stringify(pair)}`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
}
