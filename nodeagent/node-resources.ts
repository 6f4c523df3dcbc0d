/**
 * What the agent does about its node's resources, put together: measuring, the limits of all tasks together,
 * and eviction. Only where there are control groups.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../api/meta/logger.ts';
import { type ResourceList, resourceAmounts } from '../api/meta/quantity.ts';
import { tasksLimits } from './allocatable.ts';
import type { Cgroups } from './cgroup/cgroups.ts';
import { Evictor } from './eviction/evictor.ts';
import { observe } from './eviction/observations.ts';
import type { AgentFlags } from './flags.ts';
import type { Runtime } from './runtime/runtime.ts';
import { maxProcesses } from './stats/machine-usage.ts';
import { type TaskDirectories, UsageSampler } from './stats/usage-sampler.ts';
import type { Eviction, TaskRecord } from './task/task-record.ts';
import { taskDirectory, taskVolumeDirectory, volumeDirectoryIn } from './volumes/task-directory.ts';

export interface NodeResourcesOptions {
  flags: Pick<
    AgentFlags,
    | 'cgroupParent'
    | 'imageDirectory'
    | 'logDirectory'
    | 'maxProcesses'
    | 'pressureTransitionSeconds'
    | 'reserves'
    | 'rootDirectory'
    | 'sharedMachine'
    | 'thresholds'
  >;
  cgroups: Cgroups;
  runtime: Pick<Runtime, 'filesOf'>;
  capacity: ResourceList;
  records: () => readonly TaskRecord[];
  evict: (uid: string, eviction: Eviction, graceSeconds?: number) => void;
  /** Removes what no task needs of the images. */
  freeImageSpace: () => Promise<unknown>;
  /** The node's conditions are others now. */
  onChange: () => void;
  logger: Logger;
}

export interface NodeResources {
  usage: UsageSampler;
  evictor: Evictor;
  start(): void;
  stop(): Promise<void>;
}

/** Sets the limits of all tasks together; whatever runs already is below them from now on. */
export async function nodeResources(options: NodeResourcesOptions): Promise<NodeResources> {
  const { flags, cgroups, capacity, records, evict, freeImageSpace, onChange, logger } = options;
  const { cgroupParent, rootDirectory, imageDirectory, reserves, thresholds } = flags;
  const machineMost = await maxProcesses();
  const limits = tasksLimits(capacity, reserves, Math.min(flags.maxProcesses ?? machineMost, machineMost));
  await cgroups.limit(cgroupParent, limits).catch((error: unknown) => {
    logger.warn({ err: error }, 'the tasks of this node use more than it has: they are not limited together');
  });
  const capacityBytes = resourceAmounts(capacity)['memory'] ?? 0;
  const usage = usageSampler(options);
  const evictor = new Evictor({
    ...{ thresholds, transitionMs: flags.pressureTransitionSeconds * 1000 },
    ...{ usage, records, evict, onChange, logger },
    observe: () =>
      observe({
        ...{ cgroups, cgroupParent, rootDirectory, imageDirectory, capacityBytes },
        memoryBytes: limits.memoryBytes ?? capacityBytes,
        maxProcesses: limits.pids,
      }),
    reclaimDisk: async () => {
      await removeOldLogs(flags, records());
      await freeImageSpace();
    },
  });
  return {
    ...{ usage, evictor },
    start() {
      usage.start();
      evictor.start();
    },
    async stop() {
      await Promise.all([usage.stop(), evictor.stop()]);
    },
  };
}

function usageSampler({ flags, cgroups, runtime, records, logger }: NodeResourcesOptions): UsageSampler {
  const { cgroupParent, sharedMachine, rootDirectory, logDirectory } = flags;
  return new UsageSampler({
    ...{ cgroups, cgroupParent, sharedMachine, records, logger },
    directoriesOf: (record) => directoriesOf(record, { rootDirectory, logDirectory }),
    filesOf: (cid) => runtime.filesOf(cid),
  });
}

/** Not what is bound into the task's directory for its containers: that may be the node's. */
function directoriesOf(
  { uid, task, containers }: TaskRecord,
  { rootDirectory, logDirectory }: Pick<AgentFlags, 'rootDirectory' | 'logDirectory'>,
): TaskDirectories {
  const directory = taskDirectory({ volumeDirectory: volumeDirectoryIn(rootDirectory) }, uid);
  const logs = join(logDirectory, uid);
  const onDisk = (task.spec.volumes ?? []).filter(({ emptyDir }) => emptyDir && emptyDir.medium !== 'Memory');
  return {
    volumes: new Map(onDisk.map(({ name }) => [name, taskVolumeDirectory(directory, name)])),
    logs: new Map(containers.map(({ name }) => [name, join(logs, name)])),
    others: [taskVolumeDirectory(directory), logs],
  };
}

/** Of tasks that are over: all they still have on the disk. */
async function removeOldLogs(
  { logDirectory }: Pick<AgentFlags, 'logDirectory'>,
  records: readonly TaskRecord[],
): Promise<void> {
  const over = records.filter(({ cleaned }) => cleaned);
  await Promise.all(over.map(({ uid }) => rm(join(logDirectory, uid), { recursive: true, force: true })));
}
