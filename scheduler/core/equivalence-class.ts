/**
 * What is known about the tasks of one signature: each slot's value, in a tree, as of some change of the
 * table. `place` first makes up for the changes since then.
 *
 * Invariant: as of change `#cursor`, values are what scheduleTask would work out, less the scorers
 * that have exceptions: those depend on more than the signature and are asked task by task.
 */
import type { SlotFilter, SlotForms, SlotScorer, WeightedScorer } from './profile.ts';
import { nodeValue, type Placement, worthOfTotal } from './schedule.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import { type Handicap, infeasible, ScoreTree } from './score-tree.ts';
import type { Snapshot } from './snapshot.ts';

interface FilterRule {
  plugin: SlotFilter;
  state: unknown;
}

interface ScoreRule {
  plugin: SlotScorer;
  weight: number;
  state: unknown;
}

export interface ClassRules extends SlotForms {
  tieBreaker: WeightedScorer | undefined;
}

/** What a scorer gives the slots that are none of its exceptions. */
const usualScore = 100;
/** Whoever answers slot by slot has no use for the verdicts on all of them. */
const noVerdicts = new Uint8Array(0);

export class EquivalenceClass {
  readonly #snapshot: Snapshot;
  /** All that may have a say; the state of one with exceptions is worked out task by task. */
  readonly #scorers: readonly ScoreRule[];
  readonly #tree: ScoreTree;
  readonly #layout: number;
  #cursor = 0;
  /** Rules over facts of nodes, and what they said by slot: the sum of their scores, or `infeasible`. */
  readonly #factFilters: FilterRule[];
  readonly #factScorers: ScoreRule[];
  readonly #factTotals: Int32Array;
  /** Rules that also look at what tasks hold of the node. */
  readonly #filters: FilterRule[];
  readonly #taskScorers: ScoreRule[];
  readonly #tieBreaker: WeightedScorer['plugin'] | undefined;

  constructor(snapshot: Snapshot, task: SchedulingTask, { filters, scorers, tieBreaker }: ClassRules) {
    const capacity = snapshot.present.length;
    const filterRules = filters.flatMap((plugin): FilterRule[] => {
      const state = plugin.preFilter(task, snapshot);
      return state === undefined ? [] : [{ plugin, state }];
    });
    this.#scorers = scorers.map(({ plugin, weight }) => {
      const state = plugin.exceptions ? undefined : plugin.preScore(task, snapshot, noVerdicts);
      return { plugin, weight, state };
    });
    const scoreRules = this.#scorers.filter(({ state }) => state !== undefined);
    this.#snapshot = snapshot;
    this.#layout = snapshot.layout;
    this.#tree = new ScoreTree(capacity);
    this.#factTotals = new Int32Array(capacity);
    this.#factFilters = filterRules.filter(({ plugin }) => plugin.readsNodeFactsOnly);
    this.#factScorers = scoreRules.filter(({ plugin }) => plugin.readsNodeFactsOnly);
    this.#filters = filterRules.filter(({ plugin }) => !plugin.readsNodeFactsOnly);
    this.#taskScorers = scoreRules.filter(({ plugin }) => !plugin.readsNodeFactsOnly);
    this.#tieBreaker = tieBreaker?.plugin;
    this.#readAll();
  }

  /** False once the table was laid out anew: the states of the rules speak of columns that are no longer used. */
  get isValid(): boolean {
    return this.#layout === this.#snapshot.layout;
  }

  /** Undefined when the task fits nowhere. */
  place(task: SchedulingTask): Placement | undefined {
    this.#catchUp();
    const tree = this.#tree;
    const { rank, names } = this.#snapshot;
    const rules = this.#rulesFor(task);
    const kin = rules.filter(({ plugin }) => plugin.exceptions);
    const slot = kin.length === 0 ? tree.best : tree.bestWith(this.#handicapOf(kin), rank);
    if (slot < 0) return undefined;
    let score = 0;
    const scores = rules.map(({ plugin, weight, state }) => {
      const part = Math.floor(plugin.scoreSlot(state, this.#snapshot, slot));
      score += weight * part;
      return { plugin: plugin.name, score: part };
    });
    return { node: names[slot] ?? '', slot, score, scores };
  }

  /** The scorers that have a say in this very task. */
  #rulesFor(task: SchedulingTask): ScoreRule[] {
    const rules: ScoreRule[] = [];
    for (const rule of this.#scorers) {
      const { plugin, weight } = rule;
      if (!plugin.exceptions) {
        if (rule.state !== undefined) rules.push(rule);
        continue;
      }
      const state = plugin.preScore(task, this.#snapshot, noVerdicts);
      if (state !== undefined) rules.push({ plugin, weight, state });
    }
    return rules;
  }

  #handicapOf(kin: readonly ScoreRule[]): Handicap {
    return (slot) => {
      let handicap = 0;
      for (const { plugin, weight, state } of kin) {
        if (plugin.exceptions?.(state).has(slot))
          handicap += weight * (Math.floor(plugin.scoreSlot(state, this.#snapshot, slot)) - usualScore);
      }
      return handicap * worthOfTotal;
    };
  }

  #catchUp(): void {
    const snapshot = this.#snapshot;
    const { changes, generation, factsGeneration, rank } = snapshot;
    const cursor = this.#cursor;
    if (cursor === changes) return;
    if (cursor < snapshot.forgottenChanges || changes - cursor > snapshot.size) {
      this.#readAll();
      return;
    }
    for (let number = cursor + 1; number <= changes; number++) {
      const slot = snapshot.changedSlot(number);
      // Of several changes of one slot only the last is worth a look.
      if (generation[slot] !== number) continue;
      if (factsGeneration[slot]! > cursor) this.#readFacts(slot);
      this.#tree.set(slot, this.#valueOf(slot), rank);
    }
    this.#cursor = changes;
  }

  #readAll(): void {
    const { size, changes, rank } = this.#snapshot;
    const { values } = this.#tree;
    for (let slot = 0; slot < size; slot++) {
      this.#readFacts(slot);
      values[slot] = this.#valueOf(slot);
    }
    this.#tree.build(rank);
    this.#cursor = changes;
  }

  #readFacts(slot: number): void {
    const snapshot = this.#snapshot;
    const isAdmitted =
      snapshot.present[slot] === 1 &&
      this.#factFilters.every(({ plugin, state }) => plugin.admits(state, snapshot, slot));
    let total = 0;
    for (const { plugin, weight, state } of this.#factScorers)
      if (isAdmitted) total += weight * Math.floor(plugin.scoreSlot(state, snapshot, slot));
    this.#factTotals[slot] = isAdmitted ? total : infeasible;
  }

  #valueOf(slot: number): number {
    const snapshot = this.#snapshot;
    let total = this.#factTotals[slot]!;
    if (total === infeasible) return infeasible;
    const filters = this.#filters;
    for (let at = 0; at < filters.length; at++) {
      const { plugin, state } = filters[at]!;
      if (!plugin.admits(state, snapshot, slot)) return infeasible;
    }
    const scorers = this.#taskScorers;
    let fit = 0;
    for (let at = 0; at < scorers.length; at++) {
      const { plugin, weight, state } = scorers[at]!;
      const score = plugin.scoreSlot(state, snapshot, slot);
      total += weight * Math.floor(score);
      if (plugin === this.#tieBreaker) fit = score;
    }
    return nodeValue(total, fit);
  }
}
