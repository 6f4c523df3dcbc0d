/**
 * What is known about the tasks of one signature: each slot's value, in a tree, as of some change of the
 * table. `place` first makes up for the changes since then.
 *
 * Invariant: as of change `#cursor`, values are what scheduleTask would work out, less the scorers
 * that have exceptions: those depend on more than the signature and are asked task by task. Rules that read
 * other nodes are no part of the values: they judge parts of the ranking, decision by decision.
 */
import type { DomainLedger } from './domain-ledger.ts';
import { type Partition, PartRanking } from './part-ranking.ts';
import type { ScoreBounds } from './plugin.ts';
import { noBounds, widen } from './plugins/normalized-score.ts';
import { heard, type SlotFilter, type SlotForms, type SlotScorer, tieBreakerOf } from './profile.ts';
import { nodeValue, type Placement, worthOfTotal } from './schedule.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import { type Handicap, infeasible, type Ranking, ScoreTree } from './score-tree.ts';
import type { Snapshot } from './snapshot.ts';
import type { Topology } from './topology.ts';

interface FilterRule {
  plugin: SlotFilter;
  state: unknown;
}

interface ScoreRule {
  plugin: SlotScorer;
  weight: number;
  state: unknown;
  /** Of a normalized score, as of the last search. */
  bounds: ScoreBounds;
  insteadOf?: string;
}

export interface ClassRules extends SlotForms {
  tieBreakers: readonly string[];
  /** What scorers that look at the task's own job need to tell apart. */
  domains: readonly Topology[];
}

/** What a scorer gives the slots that are none of its exceptions. */
const usualScore = 100;
/** Whoever answers slot by slot has no use for the verdicts on all of them. */
const noVerdicts = new Uint8Array(0);

export class EquivalenceClass {
  /** In the order of the profile's filters. */
  readonly filterStates: readonly unknown[];
  readonly #snapshot: Snapshot;
  /** All that may have a say; the state of one that looks at the task's own job is worked out task by task. */
  readonly #scorers: readonly ScoreRule[];
  readonly #ranking: Ranking;
  /** The ranking again, and what its parts hang on, where there are rules that read other nodes. */
  readonly #parts: PartRanking | undefined;
  readonly #ledgers: readonly DomainLedger[];
  readonly #topologyChanges: number;
  readonly #domainFilters: FilterRule[];
  /** Scorers that read other nodes, with their states for the task being placed. */
  #domainRules: readonly ScoreRule[] = [];
  readonly #layout: number;
  #cursor = 0;
  /** Rules over facts of nodes, and what they said by slot: the sum of their scores, or `infeasible`. */
  readonly #factFilters: FilterRule[];
  readonly #factScorers: ScoreRule[];
  readonly #factTotals: Int32Array;
  /** Rules that also look at what tasks hold of the node. */
  readonly #filters: FilterRule[];
  readonly #taskScorers: ScoreRule[];
  readonly #tieBreaker: SlotScorer | undefined;

  constructor(snapshot: Snapshot, task: SchedulingTask, rules: ClassRules) {
    const { filters, scorers, tieBreakers, domains } = rules;
    const capacity = snapshot.present.length;
    this.filterStates = filters.map((plugin) => plugin.preFilter(task, snapshot));
    const filterRules = filters.flatMap((plugin, position): FilterRule[] => {
      const state = this.filterStates[position];
      return state === undefined ? [] : [{ plugin, state }];
    });
    const willing = scorers.flatMap((scorer) => {
      const state = isPerTask(scorer) ? undefined : scorer.plugin.preScore(task, snapshot, noVerdicts);
      const isSilent = state === undefined && !isPerTask(scorer);
      return isSilent ? [] : [{ ...scorer, state, bounds: noBounds() }];
    });
    this.#scorers = heard(willing);
    const scoreRules = this.#scorers.filter(({ state }) => state !== undefined);
    this.#snapshot = snapshot;
    this.#layout = snapshot.layout;
    this.#topologyChanges = snapshot.topologyChanges;
    this.#domainFilters = filterRules.filter(({ plugin }) => plugin.ledgerOf);
    this.#ledgers = [...this.#domainFilters, ...scoreRules].flatMap(
      ({ plugin, state }) => plugin.ledgerOf?.(state) ?? [],
    );
    const partitions = [...this.#ledgers, ...domains.map(partitionBy)];
    if (partitions.length > 0) {
      const judge = (slots: readonly number[]): (number | undefined)[] => this.#judge(slots);
      this.#parts = new PartRanking(capacity, { partitions, judge });
    }
    this.#ranking = this.#parts ?? new ScoreTree(capacity);
    this.#factTotals = new Int32Array(capacity);
    this.#factFilters = filterRules.filter(({ plugin }) => plugin.readsNodeFactsOnly);
    this.#factScorers = scoreRules.filter(({ plugin }) => plugin.readsNodeFactsOnly);
    const readsTasksThere = ({ plugin }: FilterRule | ScoreRule): boolean =>
      !plugin.readsNodeFactsOnly && !plugin.ledgerOf;
    this.#filters = filterRules.filter(readsTasksThere);
    this.#taskScorers = scoreRules.filter(readsTasksThere);
    this.#tieBreaker = tieBreakerOf(tieBreakers, scoreRules)?.plugin;
    this.#readAll();
  }

  /** False once the table was laid out anew: the states of the rules speak of columns that are no longer used. */
  get isValid(): boolean {
    const { layout, topologyChanges, forgottenChanges } = this.#snapshot;
    if (this.#layout !== layout) return false;
    return !this.#parts || (this.#topologyChanges === topologyChanges && this.#cursor >= forgottenChanges);
  }

  /** Undefined when the task fits nowhere. */
  place(task: SchedulingTask): Placement | undefined {
    this.#catchUp();
    const { rank, names } = this.#snapshot;
    const rules = this.#rulesFor(task);
    const kin = rules.filter(({ plugin }) => plugin.exceptions);
    this.#domainRules = rules.filter(({ plugin }) => plugin.ledgerOf || plugin.domainsFor);
    const slot = this.#ranking.bestWith(kin.length === 0 ? undefined : this.#handicapOf(kin), rank);
    if (slot < 0) return undefined;
    let score = 0;
    const scores = rules.map(({ plugin, weight, state, bounds }) => {
      const raw = plugin.scoreSlot(state, this.#snapshot, slot);
      const part = Math.floor(plugin.normalize?.(raw, bounds) ?? raw);
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
      if (!isPerTask(rule)) {
        rules.push(rule);
        continue;
      }
      const state = plugin.preScore(task, this.#snapshot, noVerdicts);
      if (state !== undefined) rules.push({ plugin, weight, state, bounds: rule.bounds });
    }
    return rules;
  }

  /** What the rules that read other nodes say of the parts these slots are in. */
  #judge(slots: readonly number[]): (number | undefined)[] {
    const snapshot = this.#snapshot;
    const raises = slots.map((slot): number | undefined =>
      this.#domainFilters.every(({ plugin, state }) => plugin.admits(state, snapshot, slot)) ? 0 : undefined,
    );
    for (const rule of this.#domainRules) {
      const { plugin, weight, state } = rule;
      if (!plugin.normalize) {
        for (const [at, slot] of slots.entries())
          if (raises[at] !== undefined)
            raises[at] += weight * Math.floor(plugin.scoreSlot(state, snapshot, slot)) * worthOfTotal;
        continue;
      }
      rule.bounds = noBounds();
      const raws = slots.map((slot, at) => {
        const raw = plugin.scoreSlot(state, snapshot, slot);
        if (raises[at] !== undefined) widen(rule.bounds, raw);
        return raw;
      });
      for (const [at, raw] of raws.entries())
        if (raises[at] !== undefined)
          raises[at] += weight * Math.floor(plugin.normalize(raw, rule.bounds)) * worthOfTotal;
    }
    return raises;
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
    if (!this.#parts && (cursor < snapshot.forgottenChanges || changes - cursor > snapshot.size)) {
      this.#readAll();
      return;
    }
    for (let number = cursor + 1; number <= changes; number++) {
      const slot = snapshot.changedSlot(number);
      for (const ledger of this.#ledgers) ledger.follow(number);
      // Of several changes of one slot only the last is worth a look.
      if (generation[slot] !== number) continue;
      if (factsGeneration[slot]! > cursor) {
        this.#readFacts(slot);
        for (const ledger of this.#ledgers) ledger.rereadFacts(slot);
      }
      this.#ranking.set(slot, this.#valueOf(slot), rank);
    }
    this.#moveSlots();
    this.#cursor = changes;
  }

  /** To the parts the ledgers now say they are in. */
  #moveSlots(): void {
    const { rank } = this.#snapshot;
    for (const { moved } of this.#ledgers) {
      for (const slot of moved) this.#parts?.move(slot, rank);
      moved.length = 0;
    }
  }

  #readAll(): void {
    const { size, changes, rank } = this.#snapshot;
    const { values } = this.#ranking;
    for (let slot = 0; slot < size; slot++) {
      this.#readFacts(slot);
      values[slot] = this.#valueOf(slot);
    }
    this.#ranking.build(rank);
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

/** Its state hangs on the task's own job. */
function isPerTask({ plugin }: { plugin: SlotScorer }): boolean {
  return plugin.exceptions !== undefined || plugin.domainsFor !== undefined;
}

function partitionBy({ domainOf }: Topology): Partition {
  return { partOf: (slot) => `${domainOf[slot]},` };
}
