/**
 * What is known about the tasks of one signature: each slot's total and fit, in a tree, as of some change
 * of the table. `place` first makes up for the changes since then.
 *
 * Invariant: as of change `#cursor`, totals and fits are what scheduleTask would work out, less the scorers
 * that have exceptions: those depend on more than the signature and are asked task by task.
 */
import type { SlotFilter, SlotForms, SlotScorer, WeightedScorer } from './profile.ts';
import type { Placement } from './schedule.ts';
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
  /** Rules over facts of nodes, what they said by slot, and the rules that also look at what tasks hold. */
  readonly #factFilters: FilterRule[];
  readonly #factScorers: ScoreRule[];
  readonly #admitted: Uint8Array;
  readonly #factTotals: Int32Array;
  readonly #filters: FilterRule[];
  readonly #scoreRules: ScoreRule[];
  readonly #fitRule: ScoreRule | undefined;
  /** For `ScoreTree.set`, one object for all calls. */
  readonly #tie: { fit: number; rank: Int32Array };

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
    this.#admitted = new Uint8Array(capacity);
    this.#factTotals = new Int32Array(capacity);
    this.#factFilters = filterRules.filter(({ plugin }) => plugin.readsNodeFactsOnly);
    this.#factScorers = scoreRules.filter(({ plugin }) => plugin.readsNodeFactsOnly);
    this.#filters = filterRules.filter(({ plugin }) => !plugin.readsNodeFactsOnly);
    this.#scoreRules = scoreRules.filter(({ plugin }) => !plugin.readsNodeFactsOnly);
    this.#fitRule = this.#scoreRules.find(({ plugin }) => plugin === tieBreaker?.plugin);
    this.#tie = { fit: 0, rank: snapshot.rank };
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
      return handicap;
    };
  }

  #catchUp(): void {
    const { changes, forgottenChanges, generation, size } = this.#snapshot;
    if (this.#cursor === changes) return;
    if (this.#cursor < forgottenChanges || changes - this.#cursor > size) {
      this.#readAll();
      return;
    }
    this.#tie.rank = this.#snapshot.rank;
    for (let number = this.#cursor + 1; number <= changes; number++) {
      const slot = this.#snapshot.changedSlot(number);
      // Of several changes of one slot only the last is worth a look.
      if (generation[slot] !== number) continue;
      if (this.#snapshot.factsGeneration[slot]! > this.#cursor) this.#readFacts(slot);
      const total = this.#totalOf(slot);
      this.#tie.fit = this.#fitOf(slot, total);
      this.#tree.set(slot, total, this.#tie);
    }
    this.#cursor = changes;
  }

  #readAll(): void {
    const { size, changes, rank } = this.#snapshot;
    const { totals, fits } = this.#tree;
    for (let slot = 0; slot < size; slot++) {
      this.#readFacts(slot);
      totals[slot] = this.#totalOf(slot);
      fits[slot] = this.#fitOf(slot, totals[slot]!);
    }
    this.#tree.build(rank);
    this.#cursor = changes;
  }

  #readFacts(slot: number): void {
    const snapshot = this.#snapshot;
    const isAdmitted =
      snapshot.present[slot] === 1 &&
      this.#factFilters.every(({ plugin, state }) => plugin.admits(state, snapshot, slot));
    this.#admitted[slot] = Number(isAdmitted);
    this.#factTotals[slot] = isAdmitted ? sumOf(this.#factScorers, snapshot, slot) : 0;
  }

  #totalOf(slot: number): number {
    const snapshot = this.#snapshot;
    if (this.#admitted[slot] === 0) return infeasible;
    for (let at = 0; at < this.#filters.length; at++) {
      const { plugin, state } = this.#filters[at]!;
      if (!plugin.admits(state, snapshot, slot)) return infeasible;
    }
    return this.#factTotals[slot]! + sumOf(this.#scoreRules, snapshot, slot);
  }

  #fitOf(slot: number, total: number): number {
    if (!this.#fitRule || total === infeasible) return 0;
    const { plugin, state } = this.#fitRule;
    return plugin.scoreSlot(state, this.#snapshot, slot);
  }
}

function sumOf(rules: readonly ScoreRule[], snapshot: Snapshot, slot: number): number {
  let sum = 0;
  for (let at = 0; at < rules.length; at++) {
    const { plugin, weight, state } = rules[at]!;
    sum += weight * Math.floor(plugin.scoreSlot(state, snapshot, slot));
  }
  return sum;
}
