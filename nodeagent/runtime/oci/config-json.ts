/** The OCI runtime configuration of one container. Pure: spec and host facts in, config.json out. */
import { containerSecurity } from '../../task/container-security.ts';
import type { ContainerLimits } from '../../task/limits.ts';
import { cpuPeriodMicros, cpuQuotaMicros } from '../../task/limits.ts';
import type { BindMount, ContainerSpec } from '../runtime.ts';
import type { DeviceParts } from './device-edits.ts';
import { userRangeSize } from './id-mapping.ts';
import type { SeccompProfile } from './seccomp-profile.ts';

/** What this host allows; read once by the driver. */
export interface HostFacts {
  /** Own hard limit of open files: nobody may give more than he has. */
  maxOpenFiles: number;
  /** The lowest oom_score_adj this agent may give. */
  minOomScoreAdj: number;
  /** Which of `hostMounts` exist. */
  hostPaths: string[];
  /** What this agent may give on, with the prefix CAP_. */
  capabilities: readonly string[];
  architecture: NodeJS.Architecture;
}

export interface Mount {
  destination: string;
  type: string;
  source: string;
  options: string[];
}

/** What a container without an image sees of the host, read-only. */
export const hostMounts = [
  '/usr',
  '/etc/ssl',
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/nsswitch.conf',
  '/etc/localtime',
];

/** Docker's lists. */
export const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const noDevices: DeviceParts = { env: [], mounts: [], devices: [], rules: [], hooks: {} };

/** Of a container that asks for nothing. */
export const usualSecurity = containerSecurity({}, {});

export interface Surroundings {
  host: HostFacts;
  rootPath: string;
  devices?: DeviceParts;
  /** The profile, if there is to be one. */
  seccomp?: SeccompProfile | undefined;
}

export function configJson(
  spec: ContainerSpec,
  { host, rootPath, devices = noDevices, seccomp }: Surroundings,
): object {
  const security = spec.security ?? usualSecurity;
  const { privileged, masked } = security;
  // What the agent has not itself it cannot give, and a privileged container is to have all there is.
  const capabilities = privileged
    ? security.capabilities.filter((name) => host.capabilities.includes(name))
    : security.capabilities;
  const openFiles = Math.min(host.maxOpenFiles, 1_048_576);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: spec.terminal ?? false,
      user: { ...spec.user, additionalGids: security.groups },
      args: spec.args,
      env: [...spec.env, ...devices.env],
      cwd: spec.workingDir,
      noNewPrivileges: security.noNewPrivileges,
      oomScoreAdj: Math.max(spec.limits.oomScoreAdj, host.minOomScoreAdj),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: Math.min(1024, openFiles), hard: openFiles }],
    },
    root: { path: rootPath, readonly: spec.readOnlyRoot },
    hostname: spec.hostname,
    mounts: [
      ...systemMounts(spec, privileged),
      ...bindMounts(spec, host),
      ...spec.mounts.map(taskMount),
      ...devices.mounts,
    ],
    hooks: devices.hooks,
    linux: {
      cgroupsPath: `${spec.cgroupPath}/${spec.cid}`,
      ...namespacesOf(spec),
      devices: devices.devices,
      resources: {
        ...linuxResources(spec.limits),
        devices: [{ allow: privileged, access: 'rwm' }, ...devices.rules],
      },
      ...(masked ? { maskedPaths, readonlyPaths } : {}),
      ...(seccomp ? { seccomp } : {}),
    },
  };
}

function namespacesOf({ userRange, processesOf, networkNamespace }: ContainerSpec): object {
  const shared = processesOf === undefined ? {} : { path: `/proc/${processesOf}/ns/pid` };
  const types = ['ipc', 'uts', 'mount', 'cgroup', ...(userRange ? ['user'] : [])];
  const network = networkNamespace === undefined ? [] : [{ type: 'network', path: networkNamespace }];
  const namespaces = [{ type: 'pid', ...shared }, ...types.map((type) => ({ type })), ...network];
  if (!userRange) return { namespaces };
  const mappings = [{ containerID: 0, hostID: userRange.base, size: userRangeSize }];
  return { namespaces, uidMappings: mappings, gidMappings: mappings };
}

/** The OCI form of limits. */
export function linuxResources({ cpuMilli, cpuShares, cpus, memoryBytes, pids }: ContainerLimits) {
  const quota = cpuMilli === undefined ? {} : { quota: cpuQuotaMicros(cpuMilli), period: cpuPeriodMicros };
  return {
    cpu: { shares: cpuShares, ...quota, ...(cpus === undefined ? {} : { cpus }) },
    // Swap counts memory and swap together: equal limits mean no swap.
    ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes, swap: memoryBytes } }),
    pids: { limit: pids },
  };
}

const ownMounts: Mount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
];

/** /sys shows the network: only the users the node's network belongs to may mount it anew. */
const mappedSys: Mount = {
  destination: '/sys',
  type: 'bind',
  source: '/sys',
  options: ['rbind', 'nosuid', 'noexec', 'nodev', 'rro'],
};
const ownSys: Mount = {
  destination: '/sys',
  type: 'sysfs',
  source: 'sysfs',
  options: ['nosuid', 'noexec', 'nodev', 'ro'],
};
const cgroupMount: Mount = {
  destination: '/sys/fs/cgroup',
  type: 'cgroup',
  source: 'cgroup',
  options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
};

/** A privileged container has the node's devices, and may write to /sys. */
function systemMounts({ userRange }: ContainerSpec, privileged: boolean): Mount[] {
  if (!privileged) return [...ownMounts, userRange ? mappedSys : ownSys, cgroupMount];
  const writable = ({ options, ...mount }: Mount): Mount => ({
    ...mount,
    options: options.filter((option) => option !== 'ro'),
  });
  const devices = { destination: '/dev', type: 'bind', source: '/dev', options: ['rbind', 'rw'] };
  const proc = ownMounts.filter(({ destination }) => destination === '/proc');
  return [...proc, devices, writable(ownSys), writable(cgroupMount)];
}

function taskMount({ source, destination, readOnly }: BindMount): Mount {
  const options = ['rbind', 'rprivate', 'nosuid', 'nodev', readOnly ? 'ro' : 'rw'];
  return { destination, type: 'bind', source, options };
}

/** The node's own files that a container sees, at the same paths. */
export function nodeMounts({ root }: ContainerSpec, { hostPaths }: HostFacts): string[] {
  return root.from === 'host' ? hostMounts.filter((path) => hostPaths.includes(path)) : [];
}

function bindMounts(spec: ContainerSpec, host: HostFacts): Mount[] {
  return nodeMounts(spec, host).map((path) => ({
    destination: path,
    type: 'bind',
    source: path,
    options: ['rbind', 'ro', 'nosuid', 'nodev'],
  }));
}
