/** Borg's four bands of priorities. Apart from priority-class.ts, so that clients need not load its schema. */

/** Lowest priority of each band, highest band first. (Borg, EuroSys'15 section 2.5.) */
export const bands = [
  { name: 'monitoring', priority: 300_000, description: 'What watches everything else.' },
  { name: 'production', priority: 200_000, description: 'Serves users; never preempted by its own band.' },
  { name: 'batch', priority: 100_000, description: 'Work that can wait and be restarted. The default.' },
  { name: 'best-effort', priority: 0, description: 'Runs in what is left over.' },
] as const;

export type Band = (typeof bands)[number]['name'];

export const defaultPriorityClassName = 'batch' satisfies Band;

export function bandOf(priority: number): Band {
  return bands.find((band) => priority >= band.priority)?.name ?? 'best-effort';
}

/** How the time is shared out when all have to go within a deadline: in these parts, among the bands that are there. */
const partsOfTime: Readonly<Record<Band, number>> = {
  monitoring: 3,
  production: 4,
  batch: 2,
  'best-effort': 1,
};

/** Those of the lowest band, who go first, and their share (0 to 1) of the time left; undefined when there are none. */
export function firstToGo<T>(
  tasks: readonly T[],
  priorityOf: (task: T) => number,
): { band: Band; tasks: T[]; share: number } | undefined {
  const bandsOfTasks = new Set(tasks.map((task) => bandOf(priorityOf(task))));
  const present = bands.map(({ name }) => name).filter((name) => bandsOfTasks.has(name));
  const band = present.at(-1);
  if (band === undefined) return undefined;
  const parts = present.reduce((sum, name) => sum + partsOfTime[name], 0);
  return {
    band,
    tasks: tasks.filter((task) => bandOf(priorityOf(task)) === band),
    share: partsOfTime[band] / parts,
  };
}
