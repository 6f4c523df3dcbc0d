/** Control groups, version 1: one hierarchy per controller, and a group in each. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

const controllers = ['cpu', 'cpuacct', 'memory', 'pids', 'freezer'];

export function settingsV1({ cpuMilli, cpuShares, memoryBytes, pids }: GroupLimits): GroupSettings {
  const settings: GroupSettings = [['cpu.shares', `${cpuShares}`]];
  if (cpuMilli !== undefined)
    settings.push(
      ['cpu.cfs_period_us', `${cpuPeriodMicros}`],
      ['cpu.cfs_quota_us', `${cpuQuotaMicros(cpuMilli)}`],
    );
  if (memoryBytes !== undefined) settings.push(['memory.limit_in_bytes', `${memoryBytes}`]);
  settings.push(['pids.max', `${pids}`]);
  return settings;
}

export class CgroupsV1 extends GroupTree implements Cgroups {
  readonly version = 1;
  protected readonly controllers = controllers;

  async createBelow(path: string): Promise<void> {
    await Promise.all(
      controllers.map((controller) => mkdir(join(this.root, controller, path), { recursive: true })),
    );
  }

  limit(path: string, limits: GroupLimits): Promise<void> {
    return writeSettings(settingsV1(limits), (file) => join(this.root, file.split('.')[0] ?? '', path));
  }

  cpus(path: string): string | undefined {
    return readIfThere(join(this.root, 'cpuset', path, 'cpuset.cpus')).trim() || undefined;
  }

  setCpus(path: string, cpus: string): Promise<void> {
    return writeFile(join(this.root, 'cpuset', path, 'cpuset.cpus'), cpus);
  }

  usage(path: string): GroupUsage {
    const file = (controller: string, name: string): string => join(this.root, controller, path, name);
    const memoryBytes = readNumber(file('memory', 'memory.usage_in_bytes'));
    const memory = readFields(file('memory', 'memory.stat'), ['total_inactive_file', 'total_rss']);
    return {
      cpuNanos: readNumber(file('cpuacct', 'cpuacct.usage')),
      throttledPeriods: readFields(file('cpu', 'cpu.stat'), ['nr_throttled']).nr_throttled ?? 0,
      memoryBytes,
      workingSetBytes: Math.max(0, memoryBytes - (memory.total_inactive_file ?? 0)),
      rssBytes: memory.total_rss ?? 0,
      pids: readNumber(file('pids', 'pids.current')),
      oomKills: readFields(file('memory', 'memory.oom_control'), ['oom_kill']).oom_kill ?? 0,
    };
  }

  /** Every process is in every hierarchy: one of them finds all. */
  directory(path: string): string {
    return join(this.root, 'pids', path);
  }

  killAll(path: string): Promise<void> {
    return killProcesses(this.directory(path), this.clock);
  }

  /** The runtime makes its path in hierarchies that carry no limits too (systemd, unified, blkio, …). */
  async remove(path: string): Promise<void> {
    for (const hierarchy of await this.#hierarchies()) await removeTree(join(hierarchy, path), this.clock);
  }

  async removeIfEmpty(path: string): Promise<void> {
    for (const hierarchy of await this.#hierarchies()) await removeIfEmpty(join(hierarchy, path));
  }

  async #hierarchies(): Promise<string[]> {
    const entries = await readdir(this.root, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(this.root, name));
  }
}
