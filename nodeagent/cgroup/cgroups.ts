/**
 * Control groups of nodes and tasks, one interface over both versions of the kernel's. Containers' own
 * groups are the runtime's; it makes them below a task's.
 *
 * `path` is absolute inside the hierarchy: `/gantry/<cluster>/<node>/<task uid>`.
 */
import { readFile } from 'node:fs/promises';
import type { ContainerLimits } from '../task/limits.ts';
import { CgroupsV1 } from './cgroups-v1.ts';
import { CgroupsV2 } from './cgroups-v2.ts';

export type GroupLimits = Omit<ContainerLimits, 'oomScoreAdj' | 'cpus'>;

export interface GroupUsage {
  /** CPU time used so far. */
  cpuNanos: number;
  throttledPeriods: number;
  memoryBytes: number;
  /** Memory that cannot simply be dropped: without the inactive page cache. */
  workingSetBytes: number;
  /** Memory of the processes themselves, no page cache. */
  rssBytes: number;
  pids: number;
  /** Processes killed for want of memory, so far. */
  oomKills: number;
}

export interface Cgroups {
  readonly version: 1 | 2;
  /** The directory below which all its processes are listed, in files `cgroup.procs`. */
  directory(path: string): string;
  /** Makes the group and its parents, in all hierarchies that carry limits. Existing ones stay. */
  create(path: string): Promise<void>;
  /** Makes a group below one that `create` made. An existing one stays. */
  createBelow(path: string): Promise<void>;
  limit(path: string, limits: GroupLimits): Promise<void>;
  /** Cores its processes run on, `0-3`; undefined when there is no such group, or no cpuset controller in it. */
  cpus(path: string): string | undefined;
  setCpus(path: string, cpus: string): Promise<void>;
  /** Zeros when there is no such group. */
  usage(path: string): GroupUsage;
  /** Kills every process in the group and below it; resolves when none is left. */
  killAll(path: string): Promise<void>;
  /** Removes the group and all below it from every hierarchy. It must be empty of processes. */
  remove(path: string): Promise<void>;
  /** Removes the group from the hierarchies where nothing is below it. */
  removeIfEmpty(path: string): Promise<void>;
}

/** The groups of this machine; undefined when it has none we know. */
export async function detectCgroups(root = '/sys/fs/cgroup'): Promise<Cgroups | undefined> {
  if (process.platform !== 'linux') return undefined;
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  const types = new Map(
    mounts.split('\n').map((line) => {
      const [, target = '', type = ''] = line.split(' ');
      return [target, type] as const;
    }),
  );
  if (types.get(root) === 'cgroup2') return new CgroupsV2(root);
  return types.get(`${root}/memory`) === 'cgroup' ? new CgroupsV1(root) : undefined;
}
