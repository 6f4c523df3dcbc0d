/** Control groups, version 2: one hierarchy, controllers enabled from the top down. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cpuPeriodMicros, cpuQuotaMicros } from '../task/limits.ts';
import type { Cgroups, GroupLimits, GroupUsage } from './cgroups.ts';
import {
  type GroupSettings,
  killProcesses,
  readFields,
  readIfThere,
  readNumber,
  removeIfEmpty,
  removeTree,
  writeSettings,
} from './group-files.ts';
import { GroupTree } from './group-tree.ts';

const controllers = ['cpu', 'memory', 'pids'];

/** runc's formula: 2…262144 shares to a weight of 1…10000. */
export function cpuWeight(shares: number): number {
  return 1 + Math.floor(((shares - 2) * 9999) / 262142);
}

export function settingsV2({ cpuMilli, cpuShares, memoryBytes, pids }: GroupLimits): GroupSettings {
  const settings: GroupSettings = [['cpu.weight', `${cpuWeight(cpuShares)}`]];
  if (cpuMilli !== undefined) settings.push(['cpu.max', `${cpuQuotaMicros(cpuMilli)} ${cpuPeriodMicros}`]);
  if (memoryBytes !== undefined) settings.push(['memory.max', `${memoryBytes}`], ['memory.swap.max', '0']);
  settings.push(['pids.max', `${pids}`]);
  return settings;
}

export class CgroupsV2 extends GroupTree implements Cgroups {
  readonly version = 2;
  protected readonly controllers = controllers;

  /** A group has the controllers that the one above it passes on. */
  async createBelow(path: string): Promise<void> {
    const above = join(this.root, dirname(path));
    const passedOn = controllers.map((controller) => `+${controller}`).join(' ');
    await writeFile(join(above, 'cgroup.subtree_control'), passedOn);
    await mkdir(join(this.root, path), { recursive: true });
  }

  limit(path: string, limits: GroupLimits): Promise<void> {
    return writeSettings(settingsV2(limits), () => join(this.root, path));
  }

  cpus(path: string): string | undefined {
    return readIfThere(join(this.root, path, 'cpuset.cpus.effective')).trim() || undefined;
  }

  setCpus(path: string, cpus: string): Promise<void> {
    return writeFile(join(this.root, path, 'cpuset.cpus'), cpus);
  }

  usage(path: string): GroupUsage {
    const file = (name: string): string => join(this.root, path, name);
    const cpu = readFields(file('cpu.stat'), ['usage_usec', 'nr_throttled']);
    const memoryBytes = readNumber(file('memory.current'));
    const memory = readFields(file('memory.stat'), ['inactive_file', 'anon']);
    return {
      cpuNanos: (cpu.usage_usec ?? 0) * 1000,
      throttledPeriods: cpu.nr_throttled ?? 0,
      memoryBytes,
      workingSetBytes: Math.max(0, memoryBytes - (memory.inactive_file ?? 0)),
      rssBytes: memory.anon ?? 0,
      pids: readNumber(file('pids.current')),
      oomKills: readFields(file('memory.events'), ['oom_kill']).oom_kill ?? 0,
    };
  }

  directory(path: string): string {
    return join(this.root, path);
  }

  /** The kernel kills the whole tree at once (≥ 5.14); older ones are killed process by process. */
  async killAll(path: string): Promise<void> {
    const directory = this.directory(path);
    await writeFile(join(directory, 'cgroup.kill'), '1', { flag: 'r+' }).catch(() => {});
    await killProcesses(directory, this.clock);
  }

  remove(path: string): Promise<void> {
    return removeTree(join(this.root, path), this.clock);
  }

  removeIfEmpty(path: string): Promise<void> {
    return removeIfEmpty(join(this.root, path));
  }
}
