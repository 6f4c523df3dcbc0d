/** A container, and the sandbox it is in, as the engine wants to hear of them. Pure. */
import { basename, dirname, join } from 'node:path';
import type { ContainerEdits } from '../../devices/cdi-spec.ts';
import { type ContainerLimits, cpuPeriodMicros, cpuQuotaMicros } from '../../task/limits.ts';
import { type HostFacts, maskedPaths, nodeMounts, readonlyPaths, usualSecurity } from '../oci/config-json.ts';
import type { ContainerSpec } from '../runtime.ts';
import {
  type ContainerConfig,
  type LinuxResources,
  namespaceMode,
  profileType,
  type SandboxConfig,
} from './cri-messages.ts';

/** Labels by which an agent finds its own again, whoever else the engine works for. */
export const labels = {
  /** The root directory of the agent. */
  agent: 'gantry.dev/agent',
  /** Uid of the task. */
  task: 'gantry.dev/task',
  /** Of a container; of a sandbox: the container it was first made for. */
  cid: 'gantry.dev/cid',
  /** The control group that is a container's own. */
  group: 'gantry.dev/group',
} as const;

export interface EngineFacts {
  host: HostFacts;
  /** The root directory of the agent. */
  agent: string;
}

export function taskOf({ cgroupPath }: Pick<ContainerSpec, 'cgroupPath'>): string {
  return basename(cgroupPath);
}

export function sandboxConfig(spec: ContainerSpec, { agent }: Pick<EngineFacts, 'agent'>): SandboxConfig {
  const task = taskOf(spec);
  return {
    // The engine wants names that are never used again.
    metadata: { name: `${spec.hostname}-${spec.cid}`, uid: task, namespace: 'gantry' },
    // Whose network is the node's has the node's name: the interface allows no other.
    hostname: '',
    logDirectory: dirname(spec.logPath),
    labels: { [labels.agent]: agent, [labels.task]: task, [labels.cid]: spec.cid },
    linux: {
      cgroupParent: spec.cgroupPath,
      securityContext: {
        namespaceOptions: { network: namespaceMode.node, pid: namespaceMode.container },
        privileged: spec.security?.privileged ?? false,
        seccomp: { profileType: profileType.runtimeDefault },
      },
    },
  };
}

/** The group that is a container's own; the engine makes another below it, named as it likes. */
export function containerGroup({ cgroupPath, cid }: Pick<ContainerSpec, 'cgroupPath' | 'cid'>): string {
  return join(cgroupPath, cid);
}

export interface ContainerParts extends EngineFacts {
  /** The engine's name of the image. */
  image: string;
  /** A file; absent: no filter of system calls. */
  seccompFile?: string | undefined;
  /** The engine's id of the container whose processes this one sees. */
  processesOf?: string | undefined;
}

export function containerConfig(
  spec: ContainerSpec,
  { host, agent, image, seccompFile, processesOf }: ContainerParts,
): ContainerConfig {
  const { stdin, terminal = false, deviceEdits = [] } = spec;
  const env = [...spec.env, ...deviceEdits.flatMap((edits) => edits.env ?? [])];
  return {
    metadata: { name: spec.cid },
    image: { image },
    command: spec.args,
    workingDir: spec.workingDir,
    envs: env.map((entry) => {
      const [key = ''] = entry.split('=', 1);
      return { key, value: entry.slice(key.length + 1) };
    }),
    mounts: mountsOf(spec, host),
    devices: deviceEdits.flatMap(devicesOf),
    labels: { [labels.agent]: agent, [labels.cid]: spec.cid, [labels.group]: containerGroup(spec) },
    logPath: basename(spec.logPath),
    stdin: stdin !== undefined,
    stdinOnce: stdin === 'once',
    tty: terminal,
    linux: {
      resources: linuxResources(spec.limits, host),
      securityContext: securityOf(spec, seccompFile, processesOf),
    },
  };
}

/** The interface has no limit of processes: that is set on the container's own group. */
export function linuxResources(
  { cpuMilli, cpuShares, memoryBytes, oomScoreAdj }: ContainerLimits,
  { minOomScoreAdj }: HostFacts,
): LinuxResources {
  return {
    ...(cpuMilli === undefined ? {} : { cpuQuota: cpuQuotaMicros(cpuMilli), cpuPeriod: cpuPeriodMicros }),
    cpuShares,
    // Swap counts memory and swap together: equal limits mean no swap.
    ...(memoryBytes === undefined
      ? {}
      : { memoryLimitInBytes: memoryBytes, memorySwapLimitInBytes: memoryBytes }),
    oomScoreAdj: Math.max(oomScoreAdj, minOomScoreAdj),
  };
}

function securityOf(
  spec: ContainerSpec,
  seccompFile: string | undefined,
  processesOf: string | undefined,
): ContainerConfig['linux']['securityContext'] {
  const { capabilities, noNewPrivileges, privileged, masked, groups } = spec.security ?? usualSecurity;
  return {
    // Dropped come first, so these are all it has.
    capabilities: {
      dropCapabilities: ['ALL'],
      addCapabilities: capabilities.map((name) => name.replace(/^CAP_/, '')),
    },
    privileged,
    namespaceOptions: {
      network: namespaceMode.node,
      ...(processesOf === undefined
        ? { pid: namespaceMode.container }
        : { pid: namespaceMode.target, targetId: processesOf }),
    },
    runAsUser: { value: spec.user.uid },
    runAsGroup: { value: spec.user.gid },
    readonlyRootfs: spec.readOnlyRoot,
    supplementalGroups: groups,
    noNewPrivs: noNewPrivileges,
    maskedPaths: masked ? maskedPaths : [],
    readonlyPaths: masked ? readonlyPaths : [],
    seccomp:
      seccompFile === undefined
        ? { profileType: profileType.unconfined }
        : { profileType: profileType.localhost, localhostRef: seccompFile },
  };
}

/** A task's own mounts win over the node's. */
function mountsOf(spec: ContainerSpec, host: HostFacts): ContainerConfig['mounts'] {
  const edits = (spec.deviceEdits ?? []).flatMap(({ mounts = [] }) => mounts);
  const own = spec.mounts.map(({ source, destination, readOnly }) => ({
    ...{ hostPath: source, containerPath: destination, readonly: readOnly },
  }));
  return [
    ...nodeMounts(spec, host)
      .filter((path) => !own.some(({ containerPath }) => containerPath === path))
      .map((path) => ({ hostPath: path, containerPath: path, readonly: true })),
    ...own,
    ...edits.map(({ hostPath, containerPath, options = ['ro'] }) => ({
      ...{ hostPath, containerPath, readonly: options.includes('ro') },
    })),
  ];
}

function devicesOf({ deviceNodes = [] }: ContainerEdits): ContainerConfig['devices'] {
  return deviceNodes.map(({ path, hostPath = path, permissions = 'rwm' }) => ({
    ...{ containerPath: path, hostPath, permissions },
  }));
}
