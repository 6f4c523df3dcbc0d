/**
 * What the job controller needs to know of each task, read off once: the only place that looks into
 * task status, so that the deciders speak of live, available and updated tasks and nothing else.
 *
 *   going   deletion was asked for; never counts as available, and its replacement may start
 *   over    Succeeded or Failed
 *   lost    its node has been silent for longer than the job waits
 *   live    none of these: it runs, or may still come to run
 */
import { indexFailureCountAnnotation, templateHashLabel } from '../../api/kinds/job-labels.ts';
import type { Job, Task } from '../../api/kinds/resources.ts';
import { disconnectedCondition, disruptionCondition, isTerminal } from '../../api/kinds/task-phase.ts';
import { conditionOf, isConditionTrue } from '../../api/meta/conditions.ts';
import { controllerOf } from '../../api/meta/object-meta.ts';
import { templateHash } from './task-template.ts';

export interface TaskFacts {
  task: Task;
  index: number;
  attempt: number;
  /** Made by this very job (not by one of the same name that is gone). */
  own: boolean;
  going: boolean;
  over: boolean;
  succeeded: boolean;
  /** Failed by itself, not because it was told to stop. */
  failed: boolean;
  /** Its node ended it for want of something: that says nothing about the next attempt. */
  disrupted: boolean;
  lost: boolean;
  live: boolean;
  /** Some process of it may be alive: its end was not reported, nor is it deleted from a node that is lost. */
  mayRun: boolean;
  /** Made from the current template. */
  updated: boolean;
  ready: boolean;
  /** Ready for minReadySeconds. */
  available: boolean;
  /** Failed attempts of this index before this one. */
  failuresBefore: number;
  /** When it began and ended, if it is over. */
  lifeMs?: { from: number; to: number };
  /** When it will turn lost or available if nothing happens. */
  changesAtMs?: number;
}

export function factsOf(job: Job, tasks: readonly Task[], nowMs: number): TaskFacts[] {
  const hash = templateHash(job);
  return tasks.map((task) => factsOfTask(job, task, { hash, nowMs }));
}

function factsOfTask(job: Job, task: Task, { hash, nowMs }: { hash: string; nowMs: number }): TaskFacts {
  const { metadata, spec, status } = task;
  const own = controllerOf(task)?.uid === job.metadata.uid;
  const going = metadata.deletionTimestamp !== undefined;
  const over = isTerminal(status.phase);
  const lostAtMs = momentOfLoss(job, task);
  const lost = !going && isPast(lostAtMs, nowMs);
  const live = own && !going && !over && !lost;
  const readyAtMs = readySince(task);
  const availableAtMs =
    readyAtMs === undefined ? undefined : readyAtMs + job.spec.update.minReadySeconds * 1000;
  const changesAtMs = lostAtMs ?? availableAtMs;
  return {
    task,
    index: spec.index ?? -1,
    attempt: spec.attempt ?? 0,
    own,
    going,
    over,
    succeeded: own && status.phase === 'Succeeded',
    failed: own && !going && status.phase === 'Failed',
    disrupted: isConditionTrue(status.conditions, disruptionCondition),
    lost,
    live,
    mayRun: !over && !(going && isPast(lostAtMs, nowMs)),
    updated: metadata.labels?.[templateHashLabel] === hash,
    ready: live && readyAtMs !== undefined,
    available: live && availableAtMs !== undefined && availableAtMs <= nowMs,
    failuresBefore: countOf(metadata.annotations?.[indexFailureCountAnnotation]),
    ...(over ? { lifeMs: lifeOf(task, nowMs) } : {}),
    ...((live || (going && lostAtMs !== undefined)) && changesAtMs !== undefined && changesAtMs > nowMs
      ? { changesAtMs }
      : {}),
  };
}

/** The moment an Unknown task is given up on; undefined while it is heard or must not be given up on. */
function momentOfLoss(job: Job, { status }: Task): number | undefined {
  if (status.phase !== 'Unknown') return undefined;
  const disconnected = conditionOf(status.conditions, disconnectedCondition);
  const sinceMs = timeOf(disconnected?.lastTransitionTime);
  if (disconnected?.status !== 'True' || sinceMs === undefined) return undefined;
  return sinceMs + job.spec.disconnect.lostAfterSeconds * 1000;
}

function isPast(momentMs: number | undefined, nowMs: number): boolean {
  return momentMs !== undefined && momentMs <= nowMs;
}

function readySince({ status, metadata }: Task): number | undefined {
  const ready = conditionOf(status.conditions, 'Ready');
  if (status.phase !== 'Running' || ready?.status !== 'True') return undefined;
  return timeOf(ready.lastTransitionTime) ?? timeOf(metadata.creationTimestamp);
}

function lifeOf(task: Task, nowMs: number): { from: number; to: number } {
  const { metadata, status } = task;
  const createdAtMs = timeOf(metadata.creationTimestamp) ?? nowMs;
  return {
    from: timeOf(status.startTime) ?? createdAtMs,
    to: timeOf(status.finishTime) ?? lastContainerEnd(task) ?? createdAtMs,
  };
}

function lastContainerEnd({ status }: Task): number | undefined {
  const ends = (status.containerStatuses ?? []).flatMap(
    ({ state }) => timeOf(state.terminated?.finishedAt) ?? [],
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function timeOf(text: string | undefined): number | undefined {
  const epochMs = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

function countOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
