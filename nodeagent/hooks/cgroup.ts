/** The task's own control group, between the node's and its containers', with the limits of the whole task. */
import { wholeTaskLimits } from '../task/limits.ts';
import type { TaskRecord } from '../task/task-record.ts';
import type { NodeFacts, StartHook } from './hook.ts';

export const cgroupHook: StartHook = async ({ node, record, spec }) => {
  const path = taskCgroup(node, record);
  spec.cgroupPath = path;
  if (!node.cgroups) return undefined;
  await node.cgroups.createBelow(path);
  await node.cgroups.limit(path, wholeTaskLimits(record.task.spec, node.memoryBytes));
  return undefined;
};

/** Ends what still runs in the task's group and removes it. */
export async function removeTaskCgroup(node: NodeFacts, record: TaskRecord): Promise<void> {
  const path = taskCgroup(node, record);
  await node.cgroups?.killAll(path);
  await node.cgroups?.remove(path);
}

export function taskCgroup(
  { cgroupParent }: Pick<NodeFacts, 'cgroupParent'>,
  { uid }: Pick<TaskRecord, 'uid'>,
): string {
  return `${cgroupParent}/${uid}`;
}
