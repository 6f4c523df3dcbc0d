/**
 * In which order the containers of a task begin and end. Pure.
 *
 *   init containers one after another, each to its success; sidecars among them stay → main containers, all
 *   at once → when the last main container is over, sidecars end, last started first
 *
 * Ephemeral containers begin at once and end with the main ones. A failed init container that is not tried again ends the task.
 */
import { type ContainerRecord, killTimeMs, type Stop, type TaskRecord } from './task-record.ts';

export const isMain = ({ role }: ContainerRecord): boolean => role === undefined;

/** Added to look at the others: nobody waits for it. */
export const isEphemeral = ({ role }: ContainerRecord): boolean => role === 'ephemeral';

export const isInit = ({ role }: ContainerRecord): boolean => role === 'init' || role === 'sidecar';

/** Done, as far as those after it are concerned. */
export function isInitialised({ role, life }: ContainerRecord): boolean {
  if (life.state === 'ended') return role === 'sidecar' || life.termination.exitCode === 0;
  return role === 'sidecar' && hasStarted({ life });
}

/** It runs, and its postStart hook and its startup probe, if it has them, are done. */
export function hasStarted({ life }: Pick<ContainerRecord, 'life'>): boolean {
  return life.state === 'running' && !life.isBeginning && (life.health?.started ?? true);
}

/** Whether those that must come before it are done. What has run once waits for nobody when it is restarted. */
export function mayStart(
  { containers }: Pick<TaskRecord, 'containers'>,
  container: ContainerRecord,
): boolean {
  if (container.starts > 0 || isEphemeral(container)) return true;
  const before = isMain(container) ? containers : containers.slice(0, containers.indexOf(container));
  return before.every((each) => isMain(each) || isEphemeral(each) || isInitialised(each));
}

/** Whether its turn to get the stop signal has come: sidecars go after everything that may need them. */
export function mayStop({ containers }: Pick<TaskRecord, 'containers'>, container: ContainerRecord): boolean {
  if (container.role !== 'sidecar') return true;
  const after = containers.slice(containers.indexOf(container) + 1);
  return after.every(({ life }) => life.state === 'ended');
}

/** Why and since when this container is to end: its task's end or its own, whichever kills it first. */
export function stopOf(record: TaskRecord, container: ContainerRecord): Stop | undefined {
  const own = container.life.state === 'running' ? container.life.stop : undefined;
  const common = taskStop(record, container);
  if (!common || !own) return common ?? own;
  return killTimeMs(own) < killTimeMs(common) ? own : common;
}

/** Whether its task has no more need of it: it ends, and is not started again. */
export function isEnding(record: TaskRecord, container: ContainerRecord): boolean {
  return taskStop(record, container) !== undefined;
}

function taskStop(record: TaskRecord, container: ContainerRecord): Stop | undefined {
  if (record.stop) return record.stop;
  const graceSeconds = record.task.spec.terminationGracePeriodSeconds;
  const failedAtMs = initFailureMs(record);
  if (failedAtMs !== undefined) return { sinceMs: failedAtMs, graceSeconds };
  const mains = record.containers.filter(isMain);
  const outlivesNone = container.role === 'sidecar' || isEphemeral(container);
  if (!outlivesNone || mains.some(({ life }) => life.state !== 'ended')) return undefined;
  return { sinceMs: Math.max(...mains.map(endTimeMs)), graceSeconds };
}

function initFailureMs({ containers }: TaskRecord): number | undefined {
  const failed = containers.find(
    ({ role, life }) => role === 'init' && life.state === 'ended' && life.termination.exitCode !== 0,
  );
  return failed && endTimeMs(failed);
}

function endTimeMs({ life }: ContainerRecord): number {
  return life.state === 'ended' ? life.termination.finishedAtMs : 0;
}
