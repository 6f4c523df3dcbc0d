/**
 * Taints keep tasks away that do not tolerate them: NoSchedule and NoExecute refuse, PreferNoSchedule
 * lowers the score. Nodes with equal taints share a taint set, so tolerations are matched once per set.
 */
import type { Taint } from '../../../api/kinds/node.ts';
import type { Toleration } from '../../../api/kinds/task-spec.ts';
import { feasible, type Plugin } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { Snapshot } from '../snapshot.ts';

/** Taints that say how a node is, not whom it is for. */
export const stateTaintPrefix = 'node.kubernetes.io/';

/** By taint set: how many of its taints the task does not tolerate. */
type Intolerable = Float64Array;

interface FilterState {
  tolerations: readonly Toleration[];
  intolerable: Intolerable;
}

export const taintToleration = {
  name: 'TaintToleration',
  readsNodeFactsOnly: true,

  preFilter({ tolerations }, { taintSets }) {
    const intolerable = countIntolerable(taintSets, tolerations, isHard);
    return intolerable && { tolerations, intolerable };
  },

  filter({ intolerable }, { size, taintSet }, { column, mark }) {
    for (let slot = 0; slot < size; slot++) {
      if (intolerable[taintSet[slot]!]! > 0 && column[slot] === feasible) column[slot] = mark;
    }
  },

  admits: ({ intolerable }, { taintSet }, slot) => intolerable[taintSet[slot]!] === 0,

  /** The first such taint, as kube-scheduler says it: one node is counted under one taint. */
  explain({ tolerations }, { taintSet, taintSets }, slot) {
    const taint = (taintSets[taintSet[slot]!] ?? []).find(
      (one) => isHard(one) && !tolerates(tolerations, one),
    );
    return [{ reason: `untolerated taint ${taint ? taintText(taint) : ''}` }];
  },

  /** One for each taint that some node has, but for those that say how a node is: they go when it is well. */
  relax: (_task, { taintSets, taintSet, present, size }) => {
    const taints = new Map<string, Taint>();
    for (let slot = 0; slot < size; slot++)
      for (const taint of present[slot] === 1 ? (taintSets[taintSet[slot]!] ?? []) : [])
        if (isHard(taint) && !taint.key.startsWith(stateTaintPrefix)) taints.set(taintText(taint), taint);
    return [...taints].map(([text, { key, value = '', effect }]) => ({
      kind: 'toleration',
      text: `if taint ${text} were tolerated`,
      change: ({ tolerations = [] }) => ({
        tolerations: [...tolerations, { key, operator: 'Equal', value, effect }],
      }),
    }));
  },

  /** Worth another try only if this very node would do now. */
  hint(event, { tolerations }, { taintSet, taintSets }) {
    if (event.type === 'NodeChanged' ? !event.changes.has('taints') : event.type !== 'NodeAdded')
      return false;
    const taints = taintSets[taintSet[event.slot]!] ?? [];
    return taints.every((taint) => !isHard(taint) || tolerates(tolerations, taint));
  },

  preScore: ({ tolerations }, { taintSets }) =>
    countIntolerable(taintSets, tolerations, (taint) => !isHard(taint)),

  score(intolerable, { size, taintSet }, scores) {
    for (let slot = 0; slot < size; slot++) scores[slot] = scoreOf(intolerable[taintSet[slot]!]!);
  },

  scoreSlot: (intolerable, { taintSet }, slot) => scoreOf(intolerable[taintSet[slot]!]!),
} satisfies Plugin<FilterState, Intolerable>;

/** Whether the task tolerates what would keep it off a slot. */
export function admitsByTaints(
  { tolerations }: SchedulingTask,
  snapshot: Snapshot,
): (slot: number) => boolean {
  const intolerable = countIntolerable(snapshot.taintSets, tolerations, isHard);
  return intolerable ? (slot) => intolerable[snapshot.taintSet[slot]!] === 0 : () => true;
}

/** Undefined when the task lives with all of them, which is the usual case. */
function countIntolerable(
  taintSets: readonly (readonly Taint[])[],
  tolerations: readonly Toleration[],
  counts: (taint: Taint) => boolean,
): Intolerable | undefined {
  const intolerable = new Float64Array(taintSets.length);
  let any = false;
  for (const [id, taints] of taintSets.entries()) {
    for (const taint of taints) {
      if (!counts(taint) || tolerates(tolerations, taint)) continue;
      intolerable[id]!++;
      any = true;
    }
  }
  return any ? intolerable : undefined;
}

/** 100, 25, 11, 6 …: of the node alone, so that it stands whatever becomes of other nodes. */
function scoreOf(count: number): number {
  return 100 / (1 + count) ** 2;
}

function isHard({ effect }: Taint): boolean {
  return effect !== 'PreferNoSchedule';
}

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => tolerationMatches(toleration, taint));
}

/** Kubernetes' Toleration.ToleratesTaint: an absent effect or key matches all of them. */
function tolerationMatches({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  return operator === 'Exists' || (value ?? '') === (taint.value ?? '');
}

function taintText({ key, value, effect }: Taint): string {
  return `${key}${value ? `=${value}` : ''}:${effect}`;
}
