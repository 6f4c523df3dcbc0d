/**
 * A service: indexes 0 … replicas-1, each with one live task; a second one beside it only while an
 * update surges. Decides what to delete and what to create; one step of a rolling update per decision.
 *
 * Invariants: no decision of ours takes an available index away when that leaves fewer than
 * replicas - maxUnavailable available; at most maxSurge indexes get a second live task; what is broken
 * anyway goes first and costs no budget, so an update never waits for broken old tasks.
 */
import { wantedTasks } from '../../api/kinds/job-state.ts';
import type { Job } from '../../api/kinds/resources.ts';
import { resolveCount } from '../../api/meta/percent.ts';
import { remove, removeLost } from './deletions.ts';
import type { Action, DeleteTask, Plan } from './plan.ts';
import {
  dueRetries,
  emptySlot,
  nextAttempt,
  type Retry,
  type RetryPolicy,
  type Slot,
  slotsOf,
} from './slots.ts';
import type { TaskFacts } from './task-facts.ts';

/** A service's first failure is replaced at once: it is down meanwhile. Then ever slower. */
const retryPolicy: RetryPolicy = { freeFailures: 1, forgetAfterMs: 10 * 60_000, perTemplate: true };

/** A slot as an update sees it: at most one live task of the current template and one of an older. */
interface Place {
  slot: Slot;
  fresh?: TaskFacts;
  old?: TaskFacts;
  available: boolean;
}

export function planService(job: Job, facts: readonly TaskFacts[], nowMs: number): Plan {
  const wanted = wantedTasks(job);
  const slots = slotsOf(facts);
  const deletions: DeleteTask[] = [...removeLost(facts), ...beyond(facts, wanted)];
  const places: Place[] = [];
  for (let index = 0; index < wanted; index++) {
    const slot = slots.get(index) ?? emptySlot(index);
    const place = placeOf(slot);
    deletions.push(...tidy(place));
    places.push(place);
  }
  const update = planUpdate(job, places, nowMs);
  deletions.push(...update.deletions);
  const { due, wakeAtMs } = dueRetries([...update.retries, ...fill(places, nowMs)], nowMs);
  const actions: Action[] = [...deletions, ...due];
  return { actions, ...(wakeAtMs === undefined ? {} : { wakeAtMs }) };
}

/** Tasks of indexes the service no longer has, highest index first. */
function beyond(facts: readonly TaskFacts[], wanted: number): DeleteTask[] {
  return facts
    .filter(({ own, going, lost, index }) => own && !going && !lost && (index >= wanted || index < 0))
    .sort((left, right) => right.index - left.index)
    .map((fact) => remove(fact, 'ScaledDown'));
}

function placeOf(slot: Slot): Place {
  const fresh = slot.live.find(({ updated }) => updated);
  const old = slot.live.find(({ updated }) => !updated);
  return {
    slot,
    ...(fresh === undefined ? {} : { fresh }),
    ...(old === undefined ? {} : { old }),
    available: slot.live.some(({ available }) => available),
  };
}

/** Takes out of a place what serves no purpose; none of it is needed for the index to be available. */
function tidy(place: Place): DeleteTask[] {
  const { slot, fresh, old } = place;
  const deletions = slot.live
    .filter((fact) => fact !== fresh && fact !== old)
    .map((fact) => remove(fact, 'Duplicate'));
  const latestAttempt = Math.max(...slot.tasks.filter(({ own }) => own).map(({ attempt }) => attempt));
  for (const fact of slot.tasks) {
    if (fact.own && fact.over && !fact.going && fact.attempt < latestAttempt)
      deletions.push(remove(fact, 'Superseded'));
  }
  if (fresh && old && (fresh.available || !old.available)) {
    deletions.push(remove(old, 'Outdated'));
    delete place.old;
  }
  return deletions;
}

/** The next step of a rolling update, over the places that still have nothing but an old task. */
function planUpdate(
  job: Job,
  places: readonly Place[],
  nowMs: number,
): { deletions: DeleteTask[]; retries: Retry[] } {
  const deletions: DeleteTask[] = [];
  const retries: Retry[] = [];
  const outdated = places.filter(({ fresh, old }) => old && !fresh);
  if (outdated.length === 0) return { deletions, retries };
  let { surgeRoom, downRoom } = roomsOf(job, places);
  for (const { slot, old, available } of outdated) {
    if (!old) continue;
    const retry = nextAttempt(slot, retryPolicy, nowMs);
    // While the new attempt has to wait, the old task stays: it may be all there is.
    const isDue = retry.atMs <= nowMs;
    if (available && surgeRoom > 0) surgeRoom--;
    else if (available && downRoom <= 0) continue;
    else {
      if (available) downRoom--;
      if (isDue) deletions.push(remove(old, 'Outdated'));
    }
    retries.push(retry);
  }
  return { deletions, retries };
}

/** How many more places may have two tasks, and how many more may be unavailable. */
function roomsOf(job: Job, places: readonly Place[]): { surgeRoom: number; downRoom: number } {
  const wanted = places.length;
  const { maxSurge, maxUnavailable } = updateLimits(job, wanted);
  const surging = places.filter(({ fresh, old }) => fresh && old).length;
  const down = places.filter(({ available }) => !available).length;
  return { surgeRoom: maxSurge - surging, downRoom: maxUnavailable - down };
}

/** Both rounded to nothing would mean that no update ever goes on: then one may be down. */
export function updateLimits({ spec }: Job, wanted: number): { maxSurge: number; maxUnavailable: number } {
  const maxSurge = resolveCount(spec.update.maxSurge, wanted, 'up');
  const maxUnavailable = resolveCount(spec.update.maxUnavailable, wanted, 'down');
  return { maxSurge, maxUnavailable: maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable };
}

/** New attempts for the places where nothing lives. */
function fill(places: readonly Place[], nowMs: number): Retry[] {
  return places
    .filter(({ fresh, old }) => !fresh && !old)
    .map(({ slot }) => nextAttempt(slot, retryPolicy, nowMs));
}
