/** What a pending task's status says about why it is pending: made from the core's explanation. Pure. */
import type { Pending, Task } from '../api/kinds/task.ts';
import { withCondition } from '../api/meta/conditions.ts';
import { timestamp } from '../api/meta/object-meta.ts';
import { formatAmount } from '../api/meta/quantity.ts';
import type { Explanation } from './core/explain.ts';

/** `since` stays as long as the reasons do. */
export function pendingOf(explanation: Explanation, before: Pending | undefined, nowMs: number): Pending {
  const { reason, message, total, rejected, closest } = explanation;
  const pending: Pending = { reason, message, since: timestamp(nowMs), nodes: { total, rejected } };
  if (closest) {
    const short = closest.shortages.map(({ resource, missing }) => [
      resource,
      formatAmount(resource, missing),
    ]);
    pending.closest = { node: closest.node, short: Object.fromEntries(short) };
  }
  if (before && sameReasons(pending, before)) pending.since = before.since;
  return pending;
}

/** The same filters say the same things; of how many nodes does not matter. */
export function sameReasons(left: Pending, right: Pending): boolean {
  return reasonsOf(left) === reasonsOf(right);
}

function reasonsOf({ reason, nodes }: Pending): string {
  const said = (nodes?.rejected ?? []).map((rejection) => `${rejection.filter}: ${rejection.reason}`);
  return [reason, ...said.sort()].join('\n');
}

/** A merge patch of the status; it holds only for the version of the task it was made from. */
export function pendingPatch(
  { metadata, status }: Task,
  { pending, nominated }: { pending: Pending; nominated: string | undefined },
  nowMs: number,
) {
  const condition = {
    type: 'Scheduled',
    status: 'False',
    reason: pending.reason,
    message: pending.message,
  } as const;
  return {
    metadata: { resourceVersion: metadata.resourceVersion },
    status: {
      // A merge patch keeps what it does not mention.
      pending: { ...pending, closest: pending.closest ?? null },
      nominatedNodeName: nominated ?? null,
      conditions: withCondition(status.conditions, condition, nowMs),
    },
  };
}
