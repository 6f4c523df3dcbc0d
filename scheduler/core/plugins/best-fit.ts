/**
 * Packs: the fuller the node would be, the better, so that large holes stay whole for large tasks
 * (kube-scheduler's MostAllocated). The mean utilisation of cpu, memory and whatever else the task asks for,
 * with the task on the node; unrounded it also breaks ties between nodes of equal total score.
 */
import type { Plugin } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { ResourceColumns, Snapshot } from '../snapshot.ts';

/** A resource that counts, and how much of it the task takes. */
export interface Packed {
  amount: number;
  columns: ResourceColumns;
}

export const bestFit = {
  name: 'BestFit',

  preScore({ requests }: Pick<SchedulingTask, 'requests'>, snapshot: Snapshot) {
    const resources = new Set(['cpu', 'memory', ...Object.keys(requests)]);
    resources.delete('pods');
    return [...resources].flatMap((resource): Packed[] => {
      const columns = snapshot.resource(resource);
      return columns ? [{ amount: requests[resource] ?? 0, columns }] : [];
    });
  },

  score(packed, { size }, scores) {
    scores.fill(0, 0, size);
    for (const { amount, columns } of packed)
      addUtilisation(columns, amount, scores.subarray(0, size), 100 / packed.length);
  },

  scoreSlot(packed, _snapshot, slot) {
    const share = 100 / packed.length;
    let score = 0;
    for (let at = 0; at < packed.length; at++) {
      const { amount, columns } = packed[at]!;
      score += (columns.used[slot]! + amount) * columns.inverse[slot]! * share;
    }
    return score;
  },
} satisfies Plugin<never, Packed[]>;

function addUtilisation(
  { used, inverse }: ResourceColumns,
  amount: number,
  scores: Float64Array,
  share: number,
): void {
  for (let slot = 0; slot < scores.length; slot++)
    scores[slot]! += (used[slot]! + amount) * inverse[slot]! * share;
}
