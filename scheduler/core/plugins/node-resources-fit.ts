/** What the task requests must be free on the node: cpu, memory, ephemeral-storage, extended resources, pods. */
import { feasible, type Plugin, type Rejection } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { ResourceColumns, Snapshot } from '../snapshot.ts';

interface Need {
  resource: string;
  /** In milli for cpu, whole units else; never 0: who asks for nothing of a resource is not refused for it. */
  amount: number;
  /** Undefined when no node has any. */
  columns: ResourceColumns | undefined;
}

export const nodeResourcesFit = {
  name: 'NodeResourcesFit',

  preFilter: needsOf,

  filter(needs, { size }, { column, mark }) {
    for (const { amount, columns } of needs) {
      if (columns) refuseWhereShort(columns.free, amount, column.subarray(0, size), mark);
      else refuseAll(column.subarray(0, size), mark);
    }
  },

  admits(needs, _snapshot, slot) {
    for (let at = 0; at < needs.length; at++) {
      const { amount, columns } = needs[at]!;
      if (columns === undefined || amount > columns.free[slot]!) return false;
    }
    return true;
  },

  explain: (needs, _snapshot, slot) => needs.flatMap((need) => shortageOf(need, slot)),

  /** Worth another try only if this very node would do now. */
  hint: (event, task, snapshot) =>
    (event.type !== 'NodeChanged' || event.changes.has('allocatable')) &&
    needsOf(task, snapshot).every(({ amount, columns }) => amount <= freeOf(columns, event.slot)),
} satisfies Plugin<Need[]>;

function needsOf({ requests }: SchedulingTask, snapshot: Snapshot): Need[] {
  const needs: Need[] = [];
  for (const resource in requests)
    needs.push({ resource, amount: requests[resource] ?? 0, columns: snapshot.resource(resource) });
  return needs;
}

/** A function of its own, so that the engine sees one tight loop over two arrays. */
function refuseWhereShort(free: Float64Array, amount: number, verdicts: Uint8Array, mark: number): void {
  for (let slot = 0; slot < verdicts.length; slot++) {
    if (amount > free[slot]! && verdicts[slot] === feasible) verdicts[slot] = mark;
  }
}

function refuseAll(verdicts: Uint8Array, mark: number): void {
  for (let slot = 0; slot < verdicts.length; slot++) {
    if (verdicts[slot] === feasible) verdicts[slot] = mark;
  }
}

function freeOf(columns: ResourceColumns | undefined, slot: number): number {
  return columns?.free[slot] ?? 0;
}

function shortageOf({ resource, amount, columns }: Need, slot: number): Rejection[] {
  const missing = amount - Math.max(0, freeOf(columns, slot));
  if (missing <= 0) return [];
  const allocatable = columns?.allocatable[slot] ?? 0;
  return [
    { reason: `insufficient ${resource}`, shortage: { resource, missing, requested: amount, allocatable } },
  ];
}
