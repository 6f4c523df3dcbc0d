/**
 * Near to some tasks, far from others (kube-scheduler's InterPodAffinity): in the task's own terms, and in those
 * of the tasks that are there, for whom anti-affinity holds as much as for the one that comes (symmetry).
 *
 * The first task of a kind that wants to be near its own kind may go anywhere in a domain: somebody has to begin.
 */
import { type Dimension, DomainLedger } from '../domain-ledger.ts';
import { feasible, type Plugin, type Relaxation } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { Snapshot } from '../snapshot.ts';
import {
  type AffinityTerm,
  type HeldTerm,
  selects,
  selectsItself,
  type TaskIdentity,
} from '../task-identity.ts';
import { fillNormalized } from './normalized-score.ts';

interface FilterState {
  /** Counts, in this order: tasks to be near to, tasks to be far from, tasks that want to be far from this one. */
  ledger: DomainLedger;
  near: number;
  far: number;
  /** The terms of `near` select the task itself. */
  isOfItsKind: boolean;
}

interface ScoreState {
  ledger: DomainLedger;
  verdicts: Uint8Array;
}

export const interTaskAffinity = {
  name: 'InterTaskAffinity',
  readsOtherNodes: true,

  preFilter(task, snapshot) {
    const { near, far } = task.relations;
    const refusing = snapshot.termsSelecting(task.identity).filter(({ refuses }) => refuses);
    if (near.length + far.length + refusing.length === 0) return undefined;
    const { namespaces } = snapshot;
    const isOfItsKind = near.every(({ selector }) =>
      selectsItself(selector, task.identity.namespace, namespaces),
    );
    const dimensions = [
      ...near.map(({ topologyKey }) =>
        dimension(topologyKey, (other) => Number(selectedByAll(near, other, snapshot))),
      ),
      ...far.map(({ topologyKey, selector }) =>
        dimension(topologyKey, (other) => Number(selects(selector, other, namespaces))),
      ),
      ...heldDimensions(refusing, () => 1),
    ];
    return {
      ledger: new DomainLedger(snapshot, dimensions),
      near: near.length,
      far: far.length,
      isOfItsKind,
    };
  },

  filter(state, { size }, { column, mark }) {
    for (let slot = 0; slot < size; slot++)
      if (column[slot] === feasible && refusal(state, slot)) column[slot] = mark;
  },

  admits: (state, _snapshot, slot) => refusal(state, slot) === undefined,

  explain: (state, _snapshot, slot) => [{ reason: refusal(state, slot) ?? '' }],

  relax({ spec }) {
    const relaxations: Relaxation[] = [];
    for (const [kind, text] of [
      ['podAffinity', 'affinity to other tasks'],
      ['podAntiAffinity', 'anti-affinity to other tasks'],
    ] as const) {
      if (!spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution?.length) continue;
      relaxations.push({
        kind,
        text: `if the required ${text} were dropped`,
        change: ({ affinity = {} }) => {
          const { requiredDuringSchedulingIgnoredDuringExecution: _dropped, ...rest } = affinity[kind] ?? {};
          return { affinity: { ...affinity, [kind]: rest } };
        },
      });
    }
    return relaxations;
  },

  hint(event, task, snapshot) {
    // A node that goes takes its tasks out of its domain, and who they kept out of it may come.
    if (event.type === 'NodeAdded' || event.type === 'NodeRemoved') return true;
    if (event.type === 'NodeChanged') return event.changes.has('labels');
    const { identity } = event;
    if (!identity) return true;
    const { near, far } = task.relations;
    const concerns = ({ selector }: AffinityTerm): boolean =>
      selects(selector, identity, snapshot.namespaces);
    if (event.type === 'TaskPlaced') return near.some(concerns);
    return identity.terms.length > 0 || near.some(concerns) || far.some(concerns);
  },

  preScore(task, snapshot, verdicts) {
    const { preferred } = task.relations;
    const held = snapshot.termsSelecting(task.identity).filter(({ weight }) => weight !== 0);
    if (preferred.length + held.length === 0) return undefined;
    const dimensions = [
      ...preferred.map(({ topologyKey, selector, weight }) =>
        dimension(topologyKey, (other) => (selects(selector, other, snapshot.namespaces) ? weight : 0)),
      ),
      ...heldDimensions(held, ({ weight }) => weight),
    ];
    return { ledger: new DomainLedger(snapshot, dimensions), verdicts };
  },

  score(state, snapshot, scores) {
    fillNormalized(interTaskAffinity, state, { snapshot, scores, verdicts: state.verdicts });
  },

  scoreSlot({ ledger }, _snapshot, slot) {
    let score = 0;
    for (let at = 0; at < ledger.counts.length; at++) score += ledger.counts[at]!.sumAt(slot) ?? 0;
    return score;
  },

  normalize: (raw, { least, most }) => (most > least ? (100 * (raw - least)) / (most - least) : 0),

  ledgerOf: ({ ledger }) => ledger,
} satisfies Plugin<FilterState, ScoreState>;

function dimension(topologyKey: string, amountOf: Dimension['amountOf']): Dimension {
  return { topologyKey, amountOf, countsEnding: true };
}

/** One per topology key: what tasks that hold some of these terms add to their domains. */
function heldDimensions(terms: readonly HeldTerm[], amount: (term: HeldTerm) => number): Dimension[] {
  const relevant = new Set(terms.map(({ key }) => key));
  return [...new Set(terms.map(({ topologyKey }) => topologyKey))].map((topologyKey) =>
    dimension(topologyKey, ({ terms: held }) => {
      let sum = 0;
      for (const term of held)
        if (term.topologyKey === topologyKey && relevant.has(term.key)) sum += amount(term);
      return sum;
    }),
  );
}

function selectedByAll(
  terms: readonly AffinityTerm[],
  other: TaskIdentity,
  { namespaces }: Snapshot,
): boolean {
  return terms.every(({ selector }) => selects(selector, other, namespaces));
}

function refusal({ ledger, near, far, isOfItsKind }: FilterState, slot: number): string | undefined {
  const { counts } = ledger;
  for (let at = near; at < counts.length; at++) {
    if ((counts[at]!.sumAt(slot) ?? 0) === 0) continue;
    const key = counts[at]!.topology.key;
    return at < near + far
      ? `breaking anti-affinity over ${key}`
      : `refused by anti-affinity of tasks there over ${key}`;
  }
  let missing: string | undefined;
  for (let at = 0; at < near; at++) {
    const sum = counts[at]!.sumAt(slot);
    const { key } = counts[at]!.topology;
    if (sum === undefined) return `without label ${key}`;
    if (sum === 0) missing ??= `without tasks it must be near to over ${key}`;
  }
  return missing !== undefined && !(isOfItsKind && nobodyIsThere(counts, near)) ? missing : undefined;
}

function nobodyIsThere(counts: DomainLedger['counts'], near: number): boolean {
  for (let at = 0; at < near; at++) if (counts[at]!.total !== 0) return false;
  return true;
}

/** Whether refusals of the task may end because another task was placed somewhere. */
export function waitsForOthers({ relations }: SchedulingTask): boolean {
  return relations.near.length > 0 || relations.spread.some(({ isHard }) => isHard);
}
