/** The merge patch that brings a task's status on the server to what the node knows. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { TaskStatus } from '../../api/kinds/task.ts';

/** Fields the agent takes away again when they no longer hold. */
const removable = ['reason', 'message', 'pending', 'finishTime'] as const;

/** Undefined when the server knows all of it already. */
export function statusPatch(known: TaskStatus, wanted: TaskStatus): Record<string, unknown> | undefined {
  const changed = Object.entries(wanted).filter(
    ([field, value]) => !isDeepStrictEqual(known[field as keyof TaskStatus], value),
  );
  const stale = removable.filter((field) => known[field] !== undefined && wanted[field] === undefined);
  if (changed.length === 0 && stale.length === 0) return undefined;
  return { ...Object.fromEntries(changed), ...Object.fromEntries(stale.map((field) => [field, null])) };
}
