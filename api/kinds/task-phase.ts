/** The automaton of a task (drawn in task.ts). Apart from it, so that clients need not load its schema. */

import { type Condition, conditionOf } from '../meta/conditions.ts';

export const taskPhases = ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'] as const;
export type TaskPhase = (typeof taskPhases)[number];

/** The legal transitions; the API refuses all others. */
export const taskTransitions: Record<TaskPhase, readonly TaskPhase[]> = {
  Pending: ['Running', 'Succeeded', 'Failed', 'Unknown'],
  Running: ['Succeeded', 'Failed', 'Unknown'],
  Unknown: ['Pending', 'Running', 'Succeeded', 'Failed'],
  Succeeded: [],
  Failed: [],
};

export function isTerminal(phase: TaskPhase | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

interface TaskState {
  metadata: { deletionTimestamp?: string };
  status: { phase: TaskPhase; conditions?: Condition[] };
}

/** Running, not on its way out, and not said to be unready: what disruption budgets count. */
export function isServing({ metadata, status }: TaskState): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status.phase === 'Running' &&
    conditionOf(status.conditions, 'Ready')?.status !== 'False'
  );
}

/**
 * Condition the node lifecycle controller puts on an Unknown task. True since when the task may be given
 * up on; False while losing it would be rash (every node went silent at once), which stops the countdown.
 */
export const disconnectedCondition = 'Disconnected';

/** Condition of a task that the node ended for want of something it had no part in: that is no failure of its own. */
export const disruptionCondition = 'DisruptionTarget';
