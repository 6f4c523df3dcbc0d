/**
 * One decision: which node a task goes to, or why to none. Pure: the same snapshot and task always give
 * the same decision, and neither is changed.
 *
 *   preFilter → filter → (explain) | preScore → score → select
 *
 * Ties: the higher total of rounded, weighted scores; then the tighter fit; then the order of nodes (node-order.ts), which
 * for the default scheduler is that of their names.
 */
import { type Explanation, explainRejections } from './explain.ts';
import { absent, feasible } from './plugin.ts';
import { heard, type Profile, tieBreakerOf, type WeightedScorer } from './profile.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';

export type Decision = Placement | Refusal;

export interface Placement {
  node: string;
  slot: number;
  /** Weighted sum, and each plugin's rounded part of it, of the chosen node. */
  score: number;
  scores: { plugin: string; score: number }[];
}

export interface Refusal {
  node: undefined;
  explanation: Explanation;
}

/** What one point of total is worth in `nodeValue`; no fit weighs as much. */
export const worthOfTotal = 1024;

/** Fits are rounded to a millionth, to a power of two, so that sums of values are exact in any order. */
const fitGrain = 2 ** 20;

/** One number to compare nodes by: the total first, then the fit. */
export function nodeValue(total: number, fit: number): number {
  return total * worthOfTotal + Math.round(Math.min(fit, worthOfTotal - 1) * fitGrain) / fitGrain;
}

/** The states of the filters that have a say in this task, in the order of `profile.filters`. */
export type FilterStates = readonly unknown[];

/** `known`: states of the filters that were worked out before and still hold. */
export function scheduleTask(
  profile: Profile,
  snapshot: Snapshot,
  task: SchedulingTask,
  known?: FilterStates,
): Decision {
  profile.prepare(snapshot.size);
  const states = known ?? profile.filters.map((filter) => filter.preFilter(task, snapshot));
  filterNodes(profile, snapshot, states);
  const { verdicts } = profile;
  if (!verdicts.subarray(0, snapshot.size).includes(feasible))
    return { node: undefined, explanation: explainRejections(profile, snapshot, states) };
  const scorers = scoreNodes(profile, snapshot, task);
  const slot = bestSlot(profile, snapshot, fitsOf(profile, scorers));
  const scores = scorers.map(({ plugin, column }) => ({
    plugin: plugin.name,
    score: Math.floor(column[slot]!),
  }));
  return { node: snapshot.names[slot] ?? '', slot, score: profile.totals[slot]!, scores };
}

export interface RankedNode {
  node: string;
  /** Weighted sum, and each plugin's rounded part of it. */
  score: number;
  scores: { plugin: string; score: number; weight: number }[];
}

/** Every node that would take the task, in the order of preference; the first is what scheduleTask chooses. */
export function rankNodes(profile: Profile, snapshot: Snapshot, task: SchedulingTask): RankedNode[] {
  if (scheduleTask(profile, snapshot, task).node === undefined) return [];
  const scorers = scoreNodes(profile, snapshot, task);
  const { verdicts, totals } = profile;
  const fits = fitsOf(profile, scorers);
  const worthOf = (slot: number): number => nodeValue(totals[slot]!, fits[slot] ?? 0);
  const slots = Array.from({ length: snapshot.size }, (_, slot) => slot);
  return slots
    .filter((slot) => verdicts[slot] === feasible)
    .sort((left, right) => worthOf(right) - worthOf(left) || snapshot.rank[left]! - snapshot.rank[right]!)
    .map((slot) => ({
      node: snapshot.names[slot] ?? '',
      score: totals[slot]!,
      scores: scorers.map(({ plugin, weight, column }) => ({
        plugin: plugin.name,
        weight,
        score: Math.floor(column[slot]!),
      })),
    }));
}

function filterNodes({ filters, verdicts }: Profile, snapshot: Snapshot, states: FilterStates): void {
  const { size, present } = snapshot;
  for (let slot = 0; slot < size; slot++) verdicts[slot] = present[slot] === 1 ? feasible : absent;
  for (const [position, filter] of filters.entries()) {
    const state = states[position];
    if (state !== undefined) filter.filter(state, snapshot, { column: verdicts, mark: position + 1 });
  }
}

/** Leaves the totals in the profile; gives the scorers that have a say in this task. */
function scoreNodes(profile: Profile, snapshot: Snapshot, task: SchedulingTask): readonly WeightedScorer[] {
  const { verdicts, totals } = profile;
  totals.fill(0, 0, snapshot.size);
  const willing = profile.scorers.flatMap((scorer) => {
    const state = scorer.plugin.preScore(task, snapshot, verdicts);
    return state === undefined ? [] : [{ ...scorer, state }];
  });
  const scorers = heard(willing);
  for (const { plugin, weight, column, state } of scorers) {
    plugin.score(state, snapshot, column);
    addRounded(totals, column, weight, snapshot.size);
  }
  return scorers;
}

/** By slot; empty where nothing breaks ties but the name. */
function fitsOf({ tieBreakers }: Profile, scorers: readonly WeightedScorer[]): Float64Array {
  return tieBreakerOf(tieBreakers, scorers)?.column ?? noFits;
}

function addRounded(totals: Float64Array, column: Float64Array, weight: number, size: number): void {
  for (let slot = 0; slot < size; slot++) totals[slot]! += weight * Math.floor(column[slot]!);
}

/** There is at least one feasible slot. */
function bestSlot({ verdicts, totals }: Profile, { size, rank }: Snapshot, fits: Float64Array): number {
  let best = -1;
  let bestValue = -1;
  for (let slot = 0; slot < size; slot++) {
    if (verdicts[slot] !== feasible) continue;
    const value = nodeValue(totals[slot]!, fits[slot] ?? 0);
    if (value < bestValue) continue;
    if (value === bestValue && rank[slot]! > rank[best]!) continue;
    best = slot;
    bestValue = value;
  }
  return best;
}

const noFits = new Float64Array(0);
