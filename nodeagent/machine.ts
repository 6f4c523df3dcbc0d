/** What this machine is and has, as a Node's status tells it. */
import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, freemem, release, totalmem, type } from 'node:os';
import type { NodeStatus } from '../api/kinds/node.ts';
import type { Condition } from '../api/meta/conditions.ts';
import { formatBytes } from '../api/meta/quantity.ts';

export const agentVersion = 'v1.30.0-gantry.0.1.0';
const maxTasks = '110';
const architectures: Record<string, string> = { x64: 'amd64', ia32: '386' };

export function operatingSystem(): string {
  return type().toLowerCase();
}

export function architecture(): string {
  return architectures[arch()] ?? arch();
}

export function machineCapacity(overrides: Record<string, string>): Record<string, string> {
  return {
    cpu: String(availableParallelism()),
    memory: formatBytes(Math.floor(totalmem() / 1024) * 1024),
    pods: maxTasks,
    ...overrides,
  };
}

/** Of the disk that tasks' files are on. */
export async function diskCapacity(rootDirectory: string): Promise<Record<string, string>> {
  const { blocks, bsize } = await statfs(rootDirectory);
  return { 'ephemeral-storage': formatBytes(blocks * bsize) };
}

export async function nodeInfo(
  containerRuntimeVersion: string,
): Promise<NonNullable<NodeStatus['nodeInfo']>> {
  const read = (path: string): Promise<string> =>
    readFile(path, 'utf8').then(
      (text) => text.trim(),
      () => '',
    );
  const [machineID, bootID, osRelease] = await Promise.all([
    read('/etc/machine-id'),
    read('/proc/sys/kernel/random/boot_id'),
    read('/etc/os-release'),
  ]);
  return {
    machineID,
    systemUUID: machineID,
    bootID,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? type(),
    containerRuntimeVersion,
    kubeletVersion: agentVersion,
    kubeProxyVersion: agentVersion,
    operatingSystem: operatingSystem(),
    architecture: architecture(),
  };
}

/** kubelet's hard eviction thresholds. */
const minFreeMemoryBytes = 100 * 1024 ** 2;
const minFreeDiskShare = 0.05;

export interface Pressure {
  memory: boolean;
  disk: boolean;
}

export async function pressure(rootDirectory: string): Promise<Pressure> {
  const [meminfo, disk] = await Promise.all([
    readFile('/proc/meminfo', 'utf8').catch(() => ''),
    statfs(rootDirectory),
  ]);
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1];
  const freeMemory = available === undefined ? freemem() : Number(available) * 1024;
  return { memory: freeMemory < minFreeMemoryBytes, disk: disk.bavail / disk.blocks < minFreeDiskShare };
}

export function pressureConditions({ memory, disk }: Pressure): Omit<Condition, 'lastTransitionTime'>[] {
  return [
    memory
      ? {
          type: 'MemoryPressure',
          status: 'True',
          reason: 'AgentHasInsufficientMemory',
          message: 'less than 100Mi of memory is free',
        }
      : { type: 'MemoryPressure', status: 'False', reason: 'AgentHasSufficientMemory' },
    disk
      ? {
          type: 'DiskPressure',
          status: 'True',
          reason: 'AgentHasDiskPressure',
          message: 'less than 5 % of the disk is free',
        }
      : { type: 'DiskPressure', status: 'False', reason: 'AgentHasNoDiskPressure' },
    { type: 'PIDPressure', status: 'False', reason: 'AgentHasSufficientPID' },
  ];
}
