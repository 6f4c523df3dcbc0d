/**
 * Whether a task's usage has changed so much that its status should tell: every report is a write for the
 * whole cluster, and a steady task needs none. Pure.
 */
import type { TaskStatus } from '../../api/kinds/task.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';

type Usage = NonNullable<TaskStatus['usage']>;

/** A large change is told soon, a small one later; what is less than the floor is told never. */
const rules = [
  { afterMs: 60_000, share: 0.25 },
  { afterMs: 300_000, share: 0.1 },
];
const floors: Record<string, number> = { cpu: 10, memory: 8 * 1024 ** 2 };

export function isWorthTelling(known: Usage | undefined, next: Usage): boolean {
  if (!known) return true;
  const ageMs = Date.parse(next.time) - Date.parse(known.time);
  const rule = rules.filter(({ afterMs }) => ageMs >= afterMs).at(-1);
  if (!rule) return false;
  return (['p50', 'p95', 'peak'] as const).some((which) => {
    const [before, now] = [resourceAmounts(known[which]), resourceAmounts(next[which])];
    return Object.entries(floors).some(([name, floor]) => {
      const change = Math.abs((now[name] ?? 0) - (before[name] ?? 0));
      return change >= floor && change > rule.share * (before[name] ?? 0);
    });
  });
}
