/**
 * Spreads: the emptier the node would be, the better, so that each task has air (kube-scheduler's
 * LeastAllocated). The mean free share of cpu, memory and whatever else the task asks for, with the task on
 * the node. The opposite of best fit; a profile has one of the two.
 */
import type { Plugin } from '../plugin.ts';
import { bestFit, type Packed } from './best-fit.ts';

export const leastAllocated = {
  name: 'LeastAllocated',

  preScore: bestFit.preScore,

  score(packed, snapshot, scores) {
    for (let slot = 0; slot < snapshot.size; slot++) scores[slot] = freeShare(packed, slot);
  },

  scoreSlot: (packed, _snapshot, slot) => freeShare(packed, slot),
} satisfies Plugin<never, Packed[]>;

/** A resource the node has none of, or too little, counts as full. */
function freeShare(packed: readonly Packed[], slot: number): number {
  let sum = 0;
  for (const { amount, columns } of packed) {
    const inverse = columns.inverse[slot]!;
    const share = inverse === 0 ? 0 : 1 - (columns.used[slot]! + amount) * inverse;
    sum += Math.max(0, share);
  }
  return (100 * sum) / packed.length;
}
