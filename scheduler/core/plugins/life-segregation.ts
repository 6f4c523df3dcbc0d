/**
 * Keeps tasks that live long and tasks that end soon on different nodes (Fenzo's segregation of long and short
 * jobs), so that nodes of short ones become empty and can go. A node scores the share of its tasks that live
 * as long as this one; an empty node 50, between the right and the wrong company.
 */
import type { Plugin } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { Snapshot } from '../snapshot.ts';

/** Of the task: whether it lives long. */
type ScoreState = Pick<SchedulingTask, 'livesLong'>;

export const lifeSegregation = {
  name: 'LifeSegregation',

  preScore: ({ livesLong }) => ({ livesLong }),

  score(state, snapshot, scores) {
    for (let slot = 0; slot < snapshot.size; slot++) scores[slot] = scoreAt(state, snapshot, slot);
  },

  scoreSlot: scoreAt,
} satisfies Plugin<never, ScoreState>;

function scoreAt({ livesLong }: ScoreState, { longLived, shortLived }: Snapshot, slot: number): number {
  const [long, short] = [longLived[slot]!, shortLived[slot]!];
  return long + short === 0 ? 50 : (100 * (livesLong ? long : short)) / (long + short);
}
