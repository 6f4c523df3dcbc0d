/** What the whole machine uses, from /proc; zeros where there is none. */
import { readFile, statfs } from 'node:fs/promises';
import type { GroupUsage } from '../cgroup/cgroups.ts';

/** /proc/stat counts in hundredths of a second wherever Linux runs on what we support. */
const nanosPerTick = 10_000_000;

export interface FileSystemUsage {
  capacityBytes: number;
  availableBytes: number;
  inodes: number;
  inodesFree: number;
}

export async function machineUsage(): Promise<GroupUsage> {
  const [stat, memory, load] = await Promise.all([read('/proc/stat'), memoryTable(), read('/proc/loadavg')]);
  const memoryBytes = (memory['MemTotal'] ?? 0) - (memory['MemFree'] ?? 0);
  return {
    cpuNanos: busyTicks(stat) * nanosPerTick,
    throttledPeriods: 0,
    memoryBytes,
    workingSetBytes: Math.max(0, memoryBytes - (memory['Inactive(file)'] ?? 0)),
    rssBytes: memory['AnonPages'] ?? 0,
    pids: Number(/\/(\d+)/.exec(load)?.[1] ?? 0),
    oomKills: 0,
  };
}

/** Bytes that could be had without pushing out what is in use; undefined where nobody says. */
export async function availableMemoryBytes(): Promise<number | undefined> {
  return (await memoryTable())['MemAvailable'];
}

/** The kernel's own bound on 64 bits. */
const mostProcesses = 2 ** 22;

/** How many processes and threads there may be. */
export async function maxProcesses(): Promise<number> {
  return Number((await read('/proc/sys/kernel/pid_max')).trim()) || mostProcesses;
}

export async function fileSystemUsage(path: string): Promise<FileSystemUsage> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path);
  return {
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    inodes: files,
    inodesFree: ffree,
  };
}

/** User, nice, system, irq, softirq, steal; not idle and waiting. Guests are part of user. */
function busyTicks(stat: string): number {
  const fields = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  return [0, 1, 2, 5, 6, 7].reduce((sum, field) => sum + (fields[field] ?? 0), 0);
}

async function memoryTable(): Promise<Record<string, number>> {
  const lines = (await read('/proc/meminfo')).matchAll(/^([^:]+): +(\d+) kB$/gm);
  return Object.fromEntries([...lines].map(([, name = '', kilobytes]) => [name, Number(kilobytes) * 1024]));
}

function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
