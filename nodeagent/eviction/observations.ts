/** What is left of what a node can run out of, measured now. */
import { stat } from 'node:fs/promises';
import type { Cgroups } from '../cgroup/cgroups.ts';
import { availableMemoryBytes, fileSystemUsage, machineUsage, maxProcesses } from '../stats/machine-usage.ts';
import type { Observation } from './decide-eviction.ts';
import type { Signal } from './thresholds.ts';

export interface ObservedNode {
  cgroups: Cgroups;
  cgroupParent: string;
  /** What all tasks together may have. */
  memoryBytes: number;
  /** All the node has, reserves included. */
  capacityBytes: number;
  /** The most processes and threads all tasks together may have. */
  maxProcesses: number;
  rootDirectory: string;
  imageDirectory: string;
}

/**
 * Memory and processes are the scarcer of two: what the machine has left, and what is left below the limits
 * of the node's own group. Images are observed by themselves only when they are on a disk of their own.
 */
export async function observe(node: ObservedNode): Promise<Partial<Record<Signal, Observation>>> {
  const { cgroups, cgroupParent, rootDirectory, imageDirectory } = node;
  const group = cgroups.usage(cgroupParent);
  const [available, disk, images, machine, machineMost, sameDisk] = await Promise.all([
    availableMemoryBytes(),
    fileSystemUsage(rootDirectory),
    fileSystemUsage(imageDirectory),
    machineUsage(),
    maxProcesses(),
    isSameFileSystem(rootDirectory, imageDirectory),
  ]);
  const left = Math.max(0, node.memoryBytes - group.workingSetBytes);
  const imageSpace = { available: images.availableBytes, capacity: images.capacityBytes };
  return {
    'memory.available': { available: Math.min(left, available ?? left), capacity: node.capacityBytes },
    'nodefs.available': { available: disk.availableBytes, capacity: disk.capacityBytes },
    ...(disk.inodes > 0
      ? { 'nodefs.inodesFree': { available: disk.inodesFree, capacity: disk.inodes } }
      : {}),
    ...(sameDisk ? {} : { 'imagefs.available': imageSpace }),
    'pid.available': {
      available: Math.max(0, Math.min(node.maxProcesses - group.pids, machineMost - machine.pids)),
      capacity: node.maxProcesses,
    },
  };
}

async function isSameFileSystem(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)]);
  return a.dev === b.dev;
}
