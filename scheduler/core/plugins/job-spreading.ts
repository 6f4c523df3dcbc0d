/**
 * Spreads the tasks of a job over nodes, so that one node's loss takes as few of them as may be (Borg,
 * EuroSys'15 section 3.2: spreading over failure domains). The node with most of them scores 0, one
 * without any 100.
 */
import type { Plugin } from '../plugin.ts';

export const jobSpreading = {
  name: 'JobSpreading',

  preScore({ job }, snapshot) {
    const holders = job === undefined ? undefined : snapshot.tasksOfJob(job);
    return holders && holders.size > 0 ? holders : undefined;
  },

  score(holders, { size }, scores) {
    scores.fill(100, 0, size);
    const most = Math.max(...holders.values());
    for (const [slot, count] of holders) scores[slot] = (100 * (most - count)) / most;
  },
} satisfies Plugin<never, ReadonlyMap<number, number>>;
