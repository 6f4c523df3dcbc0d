/** The deletions both kinds of job share. */
import type { DeleteReason, DeleteTask } from './plan.ts';
import type { TaskFacts } from './task-facts.ts';

export function remove({ task }: TaskFacts, reason: DeleteReason): DeleteTask {
  return { type: 'delete', task, reason };
}

export function removeLost(facts: readonly TaskFacts[]): DeleteTask[] {
  return facts.filter((fact) => fact.own && fact.lost).map((fact) => remove(fact, 'Lost'));
}

/** Ends every task that is not over and not going yet. */
export function endAll(facts: readonly TaskFacts[], reason: DeleteReason): DeleteTask[] {
  return facts.filter(({ own, over, going }) => own && !over && !going).map((fact) => remove(fact, reason));
}
