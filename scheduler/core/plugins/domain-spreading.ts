/**
 * Spreads the tasks of a job over racks and zones, as JobSpreading does over nodes (Borg, EuroSys'15 section 4:
 * spreading over failure domains). A node scores the mean of its rack's and its zone's: the domain with most
 * of the job's tasks 0, one without any 100. Gangs have no say: their tasks want to be near each other.
 */
import type { Plugin } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { Snapshot } from '../snapshot.ts';
import { rackLabel, type Topology, zoneLabel } from '../topology.ts';

interface Level {
  topology: Topology;
  /** Tasks of the job by domain. */
  holders: ReadonlyMap<number, number>;
  most: number;
}

export const domainSpreading = {
  name: 'DomainSpreading',

  preScore(task, snapshot) {
    const { job } = task;
    if (job === undefined || snapshot.tasksOfJob(job).size === 0) return undefined;
    const levels = levelsFor(task, snapshot).map((topology): Level => {
      const holders = snapshot.tasksOfJobIn(job, topology);
      let most = 0;
      for (const count of holders.values()) if (count > most) most = count;
      return { topology, holders, most };
    });
    return levels.length === 0 ? undefined : levels;
  },

  score(levels, { size }, scores) {
    for (let slot = 0; slot < size; slot++) scores[slot] = scoreAt(levels, slot);
  },

  scoreSlot: (levels, _snapshot, slot) => scoreAt(levels, slot),

  domainsFor: levelsFor,
} satisfies Plugin<never, readonly Level[]>;

const nothing: readonly Topology[] = [];

/** Topologies that have something to spread over. */
function levelsFor({ job, gang }: SchedulingTask, snapshot: Snapshot): readonly Topology[] {
  if (job === undefined || gang) return nothing;
  return [rackLabel, zoneLabel]
    .map((key) => snapshot.topology(key))
    .filter(({ members }) => members.length > 1);
}

function scoreAt(levels: readonly Level[], slot: number): number {
  let sum = 0;
  for (const { topology, holders, most } of levels)
    sum += (most - (holders.get(topology.domainOf[slot]!) ?? 0)) / most;
  return (100 * sum) / levels.length;
}
