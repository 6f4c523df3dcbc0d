/**
 * Strands as little as may be (the aim of Borg's hybrid score, EuroSys'15 section 3.2): what is free of one
 * resource is of no use where another has run out. 100 less the part of the node that would be left beyond what
 * its scarcest resource allows for; with best fit beside it, this is the hybrid.
 */
import type { Plugin } from '../plugin.ts';
import { bestFit, type Packed } from './best-fit.ts';

export const stranding = {
  name: 'Stranding',

  preScore: bestFit.preScore,

  score(packed, snapshot, scores) {
    for (let slot = 0; slot < snapshot.size; slot++) scores[slot] = scoreOf(packed, slot);
  },

  scoreSlot: (packed, _snapshot, slot) => scoreOf(packed, slot),
} satisfies Plugin<never, Packed[]>;

/** Resources the node has none of do not count. */
function scoreOf(packed: readonly Packed[], slot: number): number {
  let sum = 0;
  let least = 1;
  let count = 0;
  for (const { amount, columns } of packed) {
    const inverse = columns.inverse[slot]!;
    if (inverse === 0) continue;
    const free = Math.max(0, 1 - (columns.used[slot]! + amount) * inverse);
    sum += free;
    count++;
    if (free < least) least = free;
  }
  return count === 0 ? 100 : 100 * (1 - (sum / count - least));
}
