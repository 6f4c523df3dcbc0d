/**
 * Tasks grouped by index. A slot is one index of the job with every attempt at it that still exists.
 *
 * Attempt numbers: one more than the highest among the attempts that exist, dead and foreign ones too.
 * An index all of whose tasks vanished at once begins at 0 again, under a new uid.
 */
import { type CreateTask, earlier } from './plan.ts';
import type { TaskFacts } from './task-facts.ts';

export interface Slot {
  index: number;
  /** Every attempt, best first: available before ready before the rest, then the latest. */
  tasks: TaskFacts[];
  live: TaskFacts[];
}

export interface RetryPolicy {
  /** Failures that are retried without a pause. */
  freeFailures: number;
  /** An attempt that did well for this long makes the failures before it forgotten. */
  forgetAfterMs?: number;
  /** Failures of tasks made from an older template say nothing about the next attempt. */
  perTemplate?: boolean;
}

const firstDelayMs = 10_000;
const longestDelayMs = 6 * 60_000;

export function slotsOf(facts: readonly TaskFacts[]): Map<number, Slot> {
  const slots = new Map<number, Slot>();
  for (const fact of facts) {
    const slot = slots.get(fact.index) ?? emptySlot(fact.index);
    slots.set(fact.index, slot);
    slot.tasks.push(fact);
    if (fact.live) slot.live.push(fact);
  }
  for (const { tasks, live } of slots.values()) {
    tasks.sort(bestFirst);
    live.sort(bestFirst);
  }
  return slots;
}

export function emptySlot(index: number): Slot {
  return { index, tasks: [], live: [] };
}

function bestFirst(left: TaskFacts, right: TaskFacts): number {
  return (
    Number(right.available) - Number(left.available) ||
    Number(right.ready) - Number(left.ready) ||
    right.attempt - left.attempt
  );
}

/** Exponential from 10 s, at most 6 minutes (Kubernetes' Job backoff). `failures` counts from 1. */
export function retryDelayMs(failures: number): number {
  return Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 30));
}

export interface Retry {
  action: CreateTask;
  /** Not before this moment. */
  atMs: number;
}

/** The next attempt at a slot, and when it may be made. */
export function nextAttempt(slot: Slot, policy: RetryPolicy, nowMs: number): Retry {
  const attempt = 1 + Math.max(-1, ...slot.tasks.map((fact) => fact.attempt));
  const latest = latestOwn(slot);
  const failures = failuresOf(slot, policy);
  const action: CreateTask = { type: 'create', index: slot.index, attempt, failures };
  const pausedFailures = failures - policy.freeFailures;
  if (!latest?.lifeMs || latest.going || pausedFailures <= 0) return { action, atMs: nowMs };
  // An agent whose clock is ahead must not make the pause longer than it is meant to be.
  const endedAtMs = Math.min(latest.lifeMs.to, nowMs);
  return { action, atMs: endedAtMs + retryDelayMs(pausedFailures) };
}

/** Failed attempts at a slot, those included whose tasks are gone already. */
export function failuresOf(slot: Slot, { forgetAfterMs, perTemplate }: RetryPolicy): number {
  const latest = latestOwn(slot);
  if (latest === undefined || (perTemplate && !latest.updated)) return 0;
  const { lifeMs } = latest;
  if (!lifeMs || latest.going || latest.disrupted || (latest.succeeded && !perTemplate))
    return latest.failuresBefore;
  const didWell = forgetAfterMs !== undefined && lifeMs.to - lifeMs.from >= forgetAfterMs;
  return didWell ? 1 : latest.failuresBefore + 1;
}

export function latestOwn(slot: Slot): TaskFacts | undefined {
  let latest: TaskFacts | undefined;
  for (const fact of slot.tasks) {
    if (fact.own && (latest === undefined || fact.attempt > latest.attempt)) latest = fact;
  }
  return latest;
}

/** Sorts retries into those due now and the moment of the first that is not. */
export function dueRetries(
  retries: readonly Retry[],
  nowMs: number,
): { due: CreateTask[]; wakeAtMs?: number } {
  const due = retries.filter(({ atMs }) => atMs <= nowMs).map(({ action }) => action);
  const wakeAtMs = retries
    .filter(({ atMs }) => atMs > nowMs)
    .reduce<number | undefined>((first, { atMs }) => earlier(first, atMs), undefined);
  return wakeAtMs === undefined ? { due } : { due, wakeAtMs };
}
