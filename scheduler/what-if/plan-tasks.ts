/**
 * Where tasks would go if they were made now: all of them decided by the production core in the order of
 * its queue, each placement counting for the next. Pure, but for what it puts into the fork.
 */
import type { Task } from '../../api/kinds/resources.ts';
import type { Explanation } from '../core/explain.ts';
import { schedulingTask } from '../core/scheduling-task.ts';
import type { ForkedCell } from './forked-cell.ts';

export type PlannedTask = { task: Task } & ({ node: string } | { node: undefined; explanation: Explanation });

/** `tasks` have uids, each its own. Gives them in the order they were decided. */
export function planTasks(cell: ForkedCell, tasks: readonly Task[]): PlannedTask[] {
  const queue = tasks.map((task) => ({ task, asked: schedulingTask(task) }));
  queue.sort((left, right) => cell.queueSort(left.asked, right.asked));
  return queue.map(({ task }) => {
    const decision = cell.decide(task);
    if (decision.node === undefined) return { task, node: undefined, explanation: decision.explanation };
    cell.place(task, decision.node);
    return { task, node: decision.node };
  });
}
