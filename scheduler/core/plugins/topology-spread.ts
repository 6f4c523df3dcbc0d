/**
 * Tasks of a kind lie evenly over domains (zones, racks, hosts): no domain has more than `maxSkew` tasks above
 * the one with the fewest (kube-scheduler's PodTopologySpread, KEP-895, KEP-3022, KEP-3094). Hard constraints
 * refuse nodes, soft ones score them: the fewer like tasks in a node's domains, the better.
 */
import type { Task } from '../../../api/kinds/task.ts';
import { type Dimension, DomainLedger } from '../domain-ledger.ts';
import { feasible, type Plugin, type Relaxation } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { Snapshot } from '../snapshot.ts';
import { type SpreadRule, selects, selectsItself, type TaskIdentity } from '../task-identity.ts';
import { admitsByAffinity } from './node-affinity.ts';
import { fillNormalized } from './normalized-score.ts';
import { admitsByTaints } from './taint-toleration.ts';

interface Counted {
  ledger: DomainLedger;
  rules: readonly SpreadRule[];
}

interface FilterState extends Counted {
  /** By rule: 1 where the task itself will count. */
  own: readonly number[];
}

interface ScoreState extends Counted {
  verdicts: Uint8Array;
}

export const topologySpread = {
  name: 'TopologySpread',
  readsOtherNodes: true,

  preFilter(task, snapshot) {
    const rules = task.relations.spread.filter(({ isHard }) => isHard);
    if (rules.length === 0) return undefined;
    const own = rules.map(({ selector }) =>
      Number(selectsItself(selector, task.identity.namespace, snapshot.namespaces)),
    );
    return { rules, own, ledger: ledgerFor(rules, task, snapshot) };
  },

  filter(state, { size }, { column, mark }) {
    for (let slot = 0; slot < size; slot++)
      if (column[slot] === feasible && refusingRule(state, slot) >= 0) column[slot] = mark;
  },

  admits: (state, _snapshot, slot) => refusingRule(state, slot) < 0,

  explain(state, _snapshot, slot) {
    const at = refusingRule(state, slot);
    const rule = state.rules[at];
    if (!rule) return [];
    const isIn = state.ledger.counts[at]?.sumAt(slot) !== undefined;
    return [
      {
        reason: isIn
          ? `over maxSkew ${rule.maxSkew} of ${rule.topologyKey}`
          : `without label ${rule.topologyKey}`,
      },
    ];
  },

  relax: ({ spec }) =>
    (spec.topologySpreadConstraints ?? [])
      .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
      .map(
        (dropped): Relaxation => ({
          kind: 'topologySpread',
          text: `if it need not be spread over ${dropped.topologyKey}`,
          change: ({ topologySpreadConstraints = [] }: Task['spec']) => ({
            topologySpreadConstraints: topologySpreadConstraints.filter((one) => one !== dropped),
          }),
        }),
      ),

  hint(event, { relations }, { namespaces }) {
    if (event.type === 'NodeAdded' || event.type === 'NodeRemoved') return true;
    if (event.type === 'NodeChanged') return event.changes.has('labels') || event.changes.has('taints');
    const { identity } = event;
    return !identity || relations.spread.some(({ selector }) => selects(selector, identity, namespaces));
  },

  preScore(task, snapshot, verdicts) {
    const rules = task.relations.spread.filter(({ isHard }) => !isHard);
    if (rules.length === 0) return undefined;
    return { rules, ledger: ledgerFor(rules, task, snapshot), verdicts };
  },

  score(state, snapshot, scores) {
    fillNormalized(topologySpread, state, { snapshot, scores, verdicts: state.verdicts });
  },

  /** Like tasks in its domains; those of a topology with more domains weigh more, as they are fewer in each. */
  scoreSlot({ rules, ledger }, _snapshot, slot) {
    let score = 0;
    for (let at = 0; at < rules.length; at++) {
      const counts = ledger.counts[at]!;
      const sum = counts.sumAt(slot);
      if (sum === undefined) return Number.NaN;
      score += sum * Math.log(counts.domains + 2) + rules[at]!.maxSkew - 1;
    }
    return score;
  },

  /** A node that lacks one of the labels scores 0. */
  normalize: (raw, { least, most }) =>
    Number.isNaN(raw) ? 0 : most === 0 ? 100 : (100 * (most + least - raw)) / most,

  ledgerOf: ({ ledger }) => ledger,
} satisfies Plugin<FilterState, ScoreState>;

/** Only nodes that have the labels of all the rules count. */
function ledgerFor(rules: readonly SpreadRule[], task: SchedulingTask, snapshot: Snapshot): DomainLedger {
  const topologies = rules.map(({ topologyKey }) => snapshot.topology(topologyKey));
  const admitsAffinity = admitsByAffinity(task, snapshot);
  const admitsTaints = admitsByTaints(task, snapshot);
  const dimensions = rules.map(
    ({ topologyKey, selector, honorsAffinity, honorsTaints }): Dimension => ({
      topologyKey,
      countsEnding: false,
      amountOf: (identity: TaskIdentity) => Number(selects(selector, identity, snapshot.namespaces)),
      counts: (slot) =>
        topologies.every(({ domainOf }) => domainOf[slot]! >= 0) &&
        (!honorsAffinity || admitsAffinity(slot)) &&
        (!honorsTaints || admitsTaints(slot)),
    }),
  );
  return new DomainLedger(snapshot, dimensions);
}

/** The first rule that refuses the slot; -1 when none does. */
function refusingRule({ rules, ledger, own }: FilterState, slot: number): number {
  for (let at = 0; at < rules.length; at++) {
    const { maxSkew, minDomains } = rules[at]!;
    const counts = ledger.counts[at]!;
    const sum = counts.sumAt(slot);
    if (sum === undefined) return at;
    const least = counts.domains < minDomains ? 0 : counts.least;
    if (sum + own[at]! - least > maxSkew) return at;
  }
  return -1;
}
