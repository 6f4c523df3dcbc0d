/** How plans are told: equal tasks in one line, and as JSON. */
import { keyOf } from '../api/meta/object-meta.ts';
import { formatTable } from '../cli/table.ts';
import type { PlannedTask } from '../scheduler/what-if/plan-tasks.ts';

/** Ends with a line break; empty when nothing is planned. */
export function planTable(planned: readonly PlannedTask[]): string {
  const groups = new Map<string, { count: number; cells: [job: string, node: string, why: string] }>();
  for (const one of planned) {
    const { job } = one.task.spec;
    const owner = job === undefined ? `task/${one.task.metadata.name}` : `job/${job}`;
    const cells: [string, string, string] = [owner, one.node ?? '<none>', whyText(one)];
    const key = [one.task.metadata.namespace, ...cells].join('\n');
    const group = groups.get(key);
    if (group) group.count++;
    else groups.set(key, { count: 1, cells });
  }
  const rows = [...groups.values()].map(({ count, cells: [job, node, why] }) => [job, `${count}`, node, why]);
  return rows.length > 0 ? `${formatTable([['JOB', 'TASKS', 'NODE', 'WHY'], ...rows])}\n` : '';
}

function whyText(one: PlannedTask): string {
  if (one.node === undefined) return one.explanation.message;
  return one.displaces.length > 0 ? `displaces ${one.displaces.join(', ')}` : '';
}

export function plannedAsData(planned: readonly PlannedTask[]): object[] {
  return planned.map((one) => ({
    task: keyOf(one.task),
    node: one.node ?? null,
    ...(one.node === undefined ? { explanation: one.explanation } : {}),
    ...(one.node !== undefined && one.displaces.length > 0 ? { displaces: one.displaces } : {}),
  }));
}

/** "2 would stay pending", "1 would be displaced": what is worth a word in a summary. */
export function troubles(planned: readonly PlannedTask[]): string[] {
  const pending = planned.filter(({ node }) => node === undefined).length;
  const displaced = planned.reduce(
    (sum, one) => sum + (one.node === undefined ? 0 : one.displaces.length),
    0,
  );
  return [
    ...(pending > 0 ? [`${pending} would stay pending`] : []),
    ...(displaced > 0 ? [`${displaced} would be displaced`] : []),
  ];
}
