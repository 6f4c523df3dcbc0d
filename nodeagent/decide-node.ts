/** What the agent has to do about its tasks as a whole. Pure: wanted and held tasks in, actions out. */
import type { Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import type { TaskRecord } from './task/task-record.ts';

export type Action =
  | { do: 'run'; task: Task }
  /** The object changed; the runner goes on with the new one. */
  | { do: 'update'; task: Task }
  | { do: 'stop'; uid: string; graceSeconds: number }
  /** Nothing of it is left here: the API server may let go of it. */
  | { do: 'confirm'; task: Task }
  | { do: 'forget'; uid: string };

/** Grace of a task whose object is gone: somebody else may already run in its place (contract R5). */
const vanishedGraceSeconds = 5;

export function decideNode(desired: readonly Task[], held: readonly TaskRecord[]): Action[] {
  const records = new Map(held.map((record) => [record.uid, record]));
  const wanted = new Set(desired.map(({ metadata }) => metadata.uid));
  return [
    ...desired.flatMap((task) => decideWanted(task, records.get(task.metadata.uid ?? ''))),
    ...held.filter(({ uid }) => !wanted.has(uid)).map(decideVanished),
  ];
}

function decideWanted(task: Task, record: TaskRecord | undefined): Action[] {
  const { deletionTimestamp, deletionGracePeriodSeconds } = task.metadata;
  const isOver = isTerminal(task.status.phase);
  if (!record) {
    if (deletionTimestamp) return [{ do: 'confirm', task }];
    return isOver ? [] : [{ do: 'run', task }];
  }
  const actions: Action[] = record.task === task ? [] : [{ do: 'update', task }];
  if (deletionTimestamp && record.cleaned) actions.push({ do: 'confirm', task });
  else if ((deletionTimestamp || isOver) && !record.cleaned)
    actions.push({
      do: 'stop',
      uid: record.uid,
      graceSeconds: deletionGracePeriodSeconds ?? task.spec.terminationGracePeriodSeconds,
    });
  return actions;
}

function decideVanished({ uid, cleaned, task }: TaskRecord): Action {
  if (cleaned) return { do: 'forget', uid };
  const { terminationGracePeriodSeconds } = task.spec;
  return { do: 'stop', uid, graceSeconds: Math.min(vanishedGraceSeconds, terminationGracePeriodSeconds) };
}
