/**
 * Whether a task has more on the node's disk than it may: in an empty volume (`sizeLimit`), in all, or in one
 * container (`ephemeral-storage` limits). Pure; kubelet's rules, in its order and words, and how much it is.
 */

import type { Task } from '../../api/kinds/resources.ts';
import { taskRequests } from '../../api/kinds/task-request.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { formatBytes, resourceAmounts } from '../../api/meta/quantity.ts';
import type { DiskUsage } from '../stats/disk-usage.ts';
import type { ContainerUsage, TaskStorage } from '../stats/usage-sampler.ts';

export type StorageUsage = Pick<TaskStorage, 'disk' | 'volumes'> & {
  record: { task: Pick<Task, 'spec'> };
  containers: readonly Pick<ContainerUsage, 'name' | 'rootfs' | 'logs'>[];
};

/** Why the task has to go, for people; undefined: it may stay. */
export function overStorageLimit(usage: StorageUsage): string | undefined {
  return overVolume(usage) ?? overAll(usage) ?? overContainer(usage);
}

function overVolume({ record, volumes }: StorageUsage): string | undefined {
  for (const { name, emptyDir } of record.task.spec.volumes ?? []) {
    const limit = resourceAmounts({ memory: emptyDir?.sizeLimit ?? '0' })['memory'] ?? 0;
    const used = volumes.get(name)?.usedBytes ?? 0;
    if (limit > 0 && used > limit)
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir?.sizeLimit}": ${formatBytes(used)}`;
  }
  return undefined;
}

/** Those of its containers that have a limit say how much all of them may use, with its volumes. */
function overAll({ record, disk }: StorageUsage): string | undefined {
  const { containers, initContainers = [] } = record.task.spec;
  const limited = (all: readonly Container[]): Container[] =>
    all.map((each) => ({ ...each, resources: { requests: each.resources.limits ?? {} } }));
  const limits = taskRequests({ containers: limited(containers), initContainers: limited(initContainers) });
  const [limit, used] = [limits[resource] ?? 0, disk?.usedBytes ?? 0];
  if (limit === 0 || used <= limit) return undefined;
  return `Task ephemeral local storage usage exceeds the total limit of containers ${formatBytes(limit)}: ${formatBytes(used)}`;
}

function overContainer({ record, containers }: StorageUsage): string | undefined {
  const { spec } = record.task;
  const specs = [...(spec.initContainers ?? []), ...spec.containers];
  for (const { name, rootfs, logs } of containers) {
    const limits = specs.find((each) => each.name === name)?.resources.limits;
    const limit = resourceAmounts(limits)[resource] ?? 0;
    const used = bytesOf(rootfs) + bytesOf(logs);
    if (limit > 0 && used > limit)
      return `Container ${name} exceeded its local ephemeral storage limit "${limits?.[resource]}": ${formatBytes(used)}`;
  }
  return undefined;
}

const resource = 'ephemeral-storage';

function bytesOf(usage: DiskUsage | undefined): number {
  return usage?.usedBytes ?? 0;
}
