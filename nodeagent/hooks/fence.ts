/** A task that may run at most once is claimed before its first start, and known to the guard before every one. */
import { isAtMostOnce } from '../fence/fence.ts';
import { taskCgroup } from './cgroup.ts';
import type { Postponement, StartHook } from './hook.ts';

const retryMs = 1000;

export const fenceHook: StartHook = async ({ node, record, nowMs }) => {
  if (!isAtMostOnce(record.task)) return undefined;
  const { fence, cgroups } = node;
  if (!fence || !cgroups) {
    const message = 'without control groups nothing here can end a task that may run at most once';
    return { reason: 'AtMostOnceUnsupported', message, isFinal: true };
  }
  if (fence.hasPassed()) return notNow('the lease of the node is not renewed', nowMs());
  if (!record.isClaimed) {
    const isOurs = await fence.claim(record.task).catch(() => false);
    if (!isOurs) return notNow('the control plane does not confirm the task', nowMs());
    record.isClaimed = true;
  }
  await fence.list(record.uid, cgroups.directory(taskCgroup(node, record)));
  return undefined;
};

function notNow(message: string, nowMs: number): Postponement {
  return { reason: 'WaitingForLease', message, retryAtMs: nowMs + retryMs };
}
