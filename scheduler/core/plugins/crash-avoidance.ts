/**
 * A task whose former attempts failed on a node goes elsewhere first (Borg, EuroSys'15 section 4: task and
 * machine pairings that cause crashes are avoided). A node where none failed scores 100, one where one did 50,
 * then 33: in a cell of one node it is tried there again.
 */
import type { Plugin } from '../plugin.ts';

/** Failed attempts by slot. */
type Crashes = ReadonlyMap<number, number>;

export const crashAvoidance = {
  name: 'CrashAvoidance',

  preScore({ work }, snapshot) {
    const crashes = work === undefined ? undefined : snapshot.crashesOf(work);
    return crashes && crashes.size > 0 ? crashes : undefined;
  },

  score(crashes, { size }, scores) {
    scores.fill(100, 0, size);
    for (const slot of crashes.keys()) scores[slot] = scoreAt(crashes, slot);
  },

  scoreSlot: (crashes, _snapshot, slot) => scoreAt(crashes, slot),

  exceptions: (crashes) => crashes,
} satisfies Plugin<never, Crashes>;

function scoreAt(crashes: Crashes, slot: number): number {
  return 100 / (1 + (crashes.get(slot) ?? 0));
}
