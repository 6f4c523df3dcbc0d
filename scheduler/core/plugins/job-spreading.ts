/**
 * Spreads the tasks of a job over nodes, so that one node's loss takes as few of them as may be (Borg,
 * EuroSys'15 section 3.2: spreading over failure domains). The node with most of them scores 0, one
 * without any 100.
 */
import type { Plugin } from '../plugin.ts';

interface ScoreState {
  /** Tasks of the job by slot. */
  holders: ReadonlyMap<number, number>;
  most: number;
}

export const jobSpreading = {
  name: 'JobSpreading',

  preScore({ job }, snapshot) {
    const holders = job === undefined ? undefined : snapshot.tasksOfJob(job);
    if (!holders || holders.size === 0) return undefined;
    let most = 0;
    for (const count of holders.values()) if (count > most) most = count;
    return { holders, most };
  },

  score(state, { size }, scores) {
    scores.fill(100, 0, size);
    for (const slot of state.holders.keys()) scores[slot] = scoreAt(state, slot);
  },

  scoreSlot: (state, _snapshot, slot) => scoreAt(state, slot),

  exceptions: ({ holders }) => holders,
} satisfies Plugin<never, ScoreState>;

function scoreAt({ holders, most }: ScoreState, slot: number): number {
  return (100 * (most - (holders.get(slot) ?? 0))) / most;
}
