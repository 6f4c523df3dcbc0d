/** GET /stats/summary: what the node and its tasks use now, in kubelet's shape; a pod is a task. Pure. */
import { timestamp } from '../../api/meta/object-meta.ts';
import type { DiskUsage } from './disk-usage.ts';
import type { FileSystemUsage } from './machine-usage.ts';
import type { ContainerUsage, NodeUsage, TaskUsage } from './usage-sampler.ts';
import type { Measured } from './usage-window.ts';

export interface SummaryFacts {
  nodeName: string;
  node: NodeUsage | undefined;
  tasks: readonly TaskUsage[];
  fileSystem: FileSystemUsage;
  maxProcesses: number;
}

export function summary({ nodeName, node, tasks, fileSystem, maxProcesses }: SummaryFacts): object {
  const processes = node && {
    rlimit: { time: timestamp(node.measured.atMs), maxpid: maxProcesses, curproc: node.measured.usage.pids },
  };
  return {
    node: { nodeName, ...(node ? measures(node.measured) : {}), fs: fileSystemOf(fileSystem), ...processes },
    pods: tasks.map(taskSummary),
  };
}

function taskSummary({ record, measured, containers, disk }: TaskUsage): object {
  const { name, namespace, uid } = record.task.metadata;
  return {
    podRef: { name, namespace, uid },
    startTime: timestamp(record.startedAtMs),
    containers: containers.map(containerSummary),
    ...measures(measured),
    ...(disk ? { 'ephemeral-storage': diskOf(disk) } : {}),
    process_stats: { process_count: measured.usage.pids },
  };
}

function containerSummary({ name, startedAtMs, measured, rootfs }: ContainerUsage): object {
  return {
    ...{ name, startTime: timestamp(startedAtMs), ...measures(measured) },
    ...(rootfs ? { rootfs: diskOf(rootfs) } : {}),
  };
}

function measures({ atMs, usage, cpuMilli, spanMs }: Measured): object {
  const time = timestamp(atMs);
  const rate =
    cpuMilli === undefined
      ? {}
      : { usageNanoCores: Math.round(cpuMilli * 1e6), windowMs: Math.round(spanMs ?? 0) };
  return {
    cpu: { time, ...rate, usageCoreNanoSeconds: usage.cpuNanos },
    memory: {
      time,
      usageBytes: usage.memoryBytes,
      workingSetBytes: usage.workingSetBytes,
      rssBytes: usage.rssBytes,
    },
  };
}

function diskOf({ usedBytes, inodes }: DiskUsage): object {
  return { usedBytes, inodesUsed: inodes };
}

function fileSystemOf({ capacityBytes, availableBytes, inodes, inodesFree }: FileSystemUsage): object {
  return { capacityBytes, availableBytes, usedBytes: capacityBytes - availableBytes, inodes, inodesFree };
}
