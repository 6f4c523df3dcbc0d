/**
 * Where a task must be (nodeSelector and required node affinity) and where it would rather be (preferred).
 * Terms are ORed, the requirements inside a term ANDed; an empty term matches nothing (core/v1 NodeSelector).
 */
import type { NodeSelectorTerm } from '../../../api/kinds/task-spec.ts';
import { matchesLabels, type Requirement, requirementsOf } from '../../../api/meta/label-selector.ts';
import { feasible, type Plugin } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { Snapshot } from '../snapshot.ts';

interface FilterState {
  selector: readonly Requirement[];
  /** Undefined: no required affinity. */
  terms: readonly NodeSelectorTerm[] | undefined;
}

interface ScoreState {
  /** Sum of the weights of the matching preferences, by slot. */
  preference: Float64Array;
  most: number;
}

export const nodeAffinity = {
  name: 'NodeAffinity',

  preFilter: filterState,

  filter(state, snapshot, { column, mark }) {
    for (let slot = 0; slot < snapshot.size; slot++) {
      if (column[slot] === feasible && refusal(state, snapshot, slot)) column[slot] = mark;
    }
  },

  explain: (state, snapshot, slot) => [{ reason: refusal(state, snapshot, slot) ?? '' }],

  /** Worth another try only if this very node would do now. */
  hint(event, task, snapshot) {
    if (event.type === 'TaskReleased') return false;
    if (event.type === 'NodeChanged' && !event.changes.has('labels')) return false;
    const state = filterState(task);
    return !state || refusal(state, snapshot, event.slot) === undefined;
  },

  preScore({ nodeAffinity: affinity }, snapshot, verdicts) {
    const preferences = affinity.preferredDuringSchedulingIgnoredDuringExecution;
    if (!preferences?.length) return undefined;
    const preference = new Float64Array(snapshot.size);
    for (let slot = 0; slot < snapshot.size; slot++) {
      if (verdicts[slot] !== feasible) continue;
      for (const { weight, preference: term } of preferences) {
        if (matchesTerm(term, snapshot, slot)) preference[slot]! += weight;
      }
    }
    const most = preference.reduce((highest, sum) => Math.max(highest, sum), 0);
    return most > 0 ? { preference, most } : undefined;
  },

  score({ preference, most }, { size }, scores) {
    for (let slot = 0; slot < size; slot++) scores[slot] = (100 * preference[slot]!) / most;
  },
} satisfies Plugin<FilterState, ScoreState>;

function filterState({ nodeSelector, nodeAffinity: affinity }: SchedulingTask): FilterState | undefined {
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
