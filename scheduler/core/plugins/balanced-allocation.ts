/**
 * Keeps cpu and memory of a node equally used, so that neither is left over when the other has run out
 * (kube-scheduler's NodeResourcesBalancedAllocation). 100 less the difference of the two utilisations, with
 * the task on the node; 0 where one of them would be full.
 */
import type { Plugin } from '../plugin.ts';
import type { ResourceColumns } from '../snapshot.ts';

interface ScoreState {
  cpu: Share;
  memory: Share;
}

interface Share {
  amount: number;
  columns: ResourceColumns;
}

export const balancedAllocation = {
  name: 'BalancedAllocation',

  preScore({ requests }, snapshot) {
    const [cpu, memory] = ['cpu', 'memory'].map((resource) => ({
      amount: requests[resource] ?? 0,
      columns: snapshot.resource(resource),
    }));
    if (!cpu?.columns || !memory?.columns) return undefined;
    return { cpu: { ...cpu, columns: cpu.columns }, memory: { ...memory, columns: memory.columns } };
  },

  score(state, { size }, scores) {
    for (let slot = 0; slot < size; slot++) scores[slot] = balanceOf(state, slot);
  },

  scoreSlot: (state, _snapshot, slot) => balanceOf(state, slot),
} satisfies Plugin<never, ScoreState>;

function balanceOf({ cpu, memory }: ScoreState, slot: number): number {
  const [one, other] = [utilisation(cpu, slot), utilisation(memory, slot)];
  return one >= 1 || other >= 1 ? 0 : 100 * (1 - Math.abs(one - other));
}

/** 1 where the node has none of it. */
function utilisation({ amount, columns }: Share, slot: number): number {
  const inverse = columns.inverse[slot]!;
  return inverse === 0 ? 1 : (columns.used[slot]! + amount) * inverse;
}
