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
