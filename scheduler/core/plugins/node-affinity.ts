/**
 * Where a task must be (nodeSelector and required node affinity) and where it would rather be (preferred).
 * Terms are ORed, the requirements inside a term ANDed; an empty term matches nothing (core/v1 NodeSelector).
 */
import type { Task } from '../../../api/kinds/task.ts';
import type { NodeSelectorTerm } from '../../../api/kinds/task-spec.ts';
import { matchesLabels, type Requirement, requirementsOf } from '../../../api/meta/label-selector.ts';
import { feasible, type Plugin, type Relaxation } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { Snapshot } from '../snapshot.ts';

/** Who asks; what a decision does not need may be missing. */
type Asking = Pick<SchedulingTask, 'nodeSelector' | 'nodeAffinity'>;

interface FilterState {
  selector: readonly Requirement[];
  /** Undefined: no required affinity. */
  terms: readonly NodeSelectorTerm[] | undefined;
}

type Preferences = NonNullable<
  SchedulingTask['nodeAffinity']['preferredDuringSchedulingIgnoredDuringExecution']
>;

interface ScoreState {
  preferences: Preferences;
  /** Sum of their weights: what a node scores 100 for. */
  sum: number;
  verdicts: Uint8Array;
}

export const nodeAffinity = {
  name: 'NodeAffinity',
  readsNodeFactsOnly: true,

  preFilter: filterState,

  filter(state, snapshot, { column, mark }) {
    for (let slot = 0; slot < snapshot.size; slot++) {
      if (column[slot] === feasible && refusal(state, snapshot, slot)) column[slot] = mark;
    }
  },

  admits: (state, snapshot, slot) => refusal(state, snapshot, slot) === undefined,

  explain: (state, snapshot, slot) => [{ reason: refusal(state, snapshot, slot) ?? '' }],

  relax: ({ spec }) => [...selectorRelaxations(spec), ...affinityRelaxations(spec)],

  /** Worth another try only if this very node would do now. */
  hint(event, task, snapshot) {
    if (event.type === 'NodeChanged' ? !event.changes.has('labels') : event.type !== 'NodeAdded')
      return false;
    const state = filterState(task);
    return !state || refusal(state, snapshot, event.slot) === undefined;
  },

  preScore({ nodeAffinity: affinity }, _snapshot, verdicts) {
    const preferences = affinity.preferredDuringSchedulingIgnoredDuringExecution;
    if (!preferences?.length) return undefined;
    return { preferences, sum: preferences.reduce((sum, { weight }) => sum + weight, 0), verdicts };
  },

  score(state, snapshot, scores) {
    for (let slot = 0; slot < snapshot.size; slot++) {
      if (state.verdicts[slot] === feasible) scores[slot] = scoreOf(state, snapshot, slot);
    }
  },

  scoreSlot: scoreOf,
} satisfies Plugin<FilterState, ScoreState>;

function selectorRelaxations({ nodeSelector = {} }: Task['spec']): Relaxation[] {
  return Object.entries(nodeSelector).map(([label, value]) => ({
    kind: 'nodeSelector',
    text: `if nodeSelector did not ask for ${label}=${value}`,
    change: ({ nodeSelector: { [label]: _dropped, ...others } = {} }) => ({ nodeSelector: others }),
  }));
}

function affinityRelaxations({ affinity }: Task['spec']): Relaxation[] {
  if (!affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution) return [];
  const change: Relaxation['change'] = ({ affinity: { nodeAffinity, ...others } = {} }) => {
    const { requiredDuringSchedulingIgnoredDuringExecution: _dropped, ...preferred } = nodeAffinity ?? {};
    return { affinity: { ...others, nodeAffinity: preferred } };
  };
  return [{ kind: 'nodeAffinity', text: 'if the required node affinity were dropped', change }];
}

/** Of the node alone, so that it stands whatever becomes of other nodes. */
function scoreOf({ preferences, sum }: ScoreState, snapshot: Snapshot, slot: number): number {
  let matched = 0;
  for (const { weight, preference } of preferences) {
    if (matchesTerm(preference, snapshot, slot)) matched += weight;
  }
  return (100 * matched) / sum;
}

/** Whether the task's selector and required affinity let it on a slot. */
export function admitsByAffinity(task: Asking, snapshot: Snapshot): (slot: number) => boolean {
  const state = filterState(task);
  return state ? (slot) => refusal(state, snapshot, slot) === undefined : () => true;
}

function filterState({ nodeSelector, nodeAffinity: affinity }: Asking): FilterState | undefined {
  const terms = affinity.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const selector = requirementsOf({ matchLabels: nodeSelector });
  return terms || selector.length > 0 ? { selector, terms } : undefined;
}

function refusal({ selector, terms }: FilterState, snapshot: Snapshot, slot: number): string | undefined {
  if (!matchesLabels(selector, snapshot.labels[slot])) return 'not matching nodeSelector';
  if (terms && !terms.some((term) => matchesTerm(term, snapshot, slot))) return 'not matching node affinity';
  return undefined;
}

function matchesTerm(term: NodeSelectorTerm, { labels, names }: Snapshot, slot: number): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchesLabels(matchExpressions, labels[slot]) &&
    matchesLabels(matchFields, { 'metadata.name': names[slot] ?? '' })
  );
}
