/**
 * What a change of a task means for what is set aside for it: a task that ends or goes gives back all, one
 * whose resize is done what it no longer wants; a volume that goes gives back its part of the disk. Pure.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { names } from '../kinds/names.ts';
import type { PersistentVolume } from '../kinds/persistent-volume.ts';
import type { Task } from '../kinds/task.ts';
import { taskRequests } from '../kinds/task-request.ts';
import { isAdmitted, resizeInProgress } from '../kinds/task-resize.ts';
import { isConditionTrue } from '../meta/conditions.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { type Allocation, holdsAllocation, withoutTask, withoutVolume } from './allocation.ts';
import type { CachedObject } from './cached-object.ts';
import { kindId } from './keys.ts';
import { nodeThatHolds } from './local-volume.ts';

export interface AllocationEdit {
  node: string;
  edit: (allocation: Allocation) => Allocation;
}

const taskKindId = kindId(names.Task);
const volumeKindId = kindId(names.PersistentVolume);

/** `next`: what is to be stored; undefined: the object goes. Undefined when nothing is given back. */
export function allocationEdit(
  kind: AnyKind,
  current: CachedObject,
  next: AnyObject | undefined,
): AllocationEdit | undefined {
  if (kindId(kind) === volumeKindId) return next ? undefined : volumeEdit(current);
  if (kindId(kind) !== taskKindId) return undefined;
  const node = current.field(kind, 'spec.nodeName');
  if (!holdsAllocation(node, current.field(kind, 'status.phase'))) return undefined;
  const { key } = current;
  if (!next || !holdsAllocation(node, String(next.status?.['phase'])))
    return { node, edit: (allocation) => withoutTask(allocation, key) ?? allocation };
  // Most status writes show at a glance that no resize is on its way.
  if (!current.bytes.includes(resizeInProgress)) return undefined;
  const [before, after] = [current.parse(), next] as unknown as [Task, Task];
  const isDone =
    isConditionTrue(before.status.conditions, resizeInProgress) &&
    !isConditionTrue(after.status.conditions, resizeInProgress) &&
    isAdmitted(after);
  return isDone ? { node, edit: (allocation) => trimmed(allocation, key, after) } : undefined;
}

function volumeEdit(current: CachedObject): AllocationEdit | undefined {
  const volume = current.parse() as unknown as PersistentVolume;
  const node = nodeThatHolds(volume);
  return node === undefined
    ? undefined
    : { node, edit: (allocation) => withoutVolume(allocation, volume.metadata.name) };
}

function trimmed(allocation: Allocation, key: string, { spec }: Task): Allocation {
  const held = allocation.tasks[key];
  if (!held) return allocation;
  return {
    ...allocation,
    tasks: { ...allocation.tasks, [key]: { ...held, requests: taskRequests(spec) } },
  };
}
