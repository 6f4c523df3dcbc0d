/**
 * What a task is to other tasks: its namespace and labels, which their selectors match, and the affinity
 * terms it holds, which go on counting against (or for) others while it runs.
 * Made once per task; tasks of equal key are the same to everybody.
 */
import type { Task } from '../../api/kinds/task.ts';
import type { Affinity, SpreadConstraint } from '../../api/kinds/task-spec.ts';
import {
  type LabelSelector,
  type Labels,
  matchesLabels,
  type Requirement,
  requirementsOf,
} from '../../api/meta/label-selector.ts';

export interface TaskIdentity {
  readonly key: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly terms: readonly HeldTerm[];
}

/** Which tasks are meant. */
export interface TaskSelector {
  namespaces: readonly string[];
  /** Namespaces by their labels, beside those named. */
  namespaceSelector?: readonly Requirement[];
  /** Absent: no task. */
  requirements?: readonly Requirement[];
  /** Whether the labels of the task that has the selector match it. */
  matchesOwnLabels: boolean;
}

export interface AffinityTerm {
  selector: TaskSelector;
  topologyKey: string;
}

export interface WeightedTerm extends AffinityTerm {
  /** Negative: rather far from them. */
  weight: number;
}

/** A term of a task that runs, as it concerns those that come. */
export interface HeldTerm extends WeightedTerm {
  readonly key: string;
  /** Required anti-affinity: keeps those it selects out of its domain. */
  refuses: boolean;
}

/** What a task asks of the tasks around it. */
export interface TaskRelations {
  /** Required affinity: in each term's domain there must be tasks that all the terms select. */
  near: readonly AffinityTerm[];
  /** Required anti-affinity: in no term's domain may there be tasks it selects. */
  far: readonly AffinityTerm[];
  preferred: readonly WeightedTerm[];
  spread: readonly SpreadRule[];
}

export interface SpreadRule extends AffinityTerm {
  maxSkew: number;
  /** DoNotSchedule; ScheduleAnyway otherwise. */
  isHard: boolean;
  minDomains: number;
  honorsAffinity: boolean;
  honorsTaints: boolean;
}

/** What kube-scheduler calls hardPodAffinityWeight: tasks that others require to be near are drawn there. */
const weightOfRequired = 1;

type Namespaces = ReadonlyMap<string, Labels>;

export function selects(
  selector: TaskSelector,
  { namespace, labels }: TaskIdentity,
  known: Namespaces,
): boolean {
  return (
    selector.requirements !== undefined &&
    matchesLabels(selector.requirements, labels) &&
    coversNamespace(selector, namespace, known)
  );
}

/** Whether the task that has the selector is itself one of those selected. */
export function selectsItself(selector: TaskSelector, namespace: string, known: Namespaces): boolean {
  return selector.matchesOwnLabels && coversNamespace(selector, namespace, known);
}

function coversNamespace(
  { namespaces, namespaceSelector }: TaskSelector,
  namespace: string,
  known: Namespaces,
): boolean {
  if (namespaces.includes(namespace)) return true;
  return namespaceSelector !== undefined && matchesLabels(namespaceSelector, known.get(namespace));
}

export function taskRelations({ metadata, spec }: Task): TaskRelations {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const { namespace = '', labels = {} } = metadata;
  const term = (of: Term): AffinityTerm => affinityTerm(of, namespace, labels);
  const weighted = (list: WeightedList = [], sign: number): WeightedTerm[] =>
    list.map(({ weight, podAffinityTerm }) => ({ ...term(podAffinityTerm), weight: sign * weight }));
  return {
    near: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    far: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(term),
    preferred: [
      ...weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
      ...weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
    ],
    spread: (spec.topologySpreadConstraints ?? []).map((rule) => spreadRule(rule, namespace, labels)),
  };
}

type TaskAffinity = NonNullable<Affinity['podAffinity']>;
type Term = NonNullable<TaskAffinity['requiredDuringSchedulingIgnoredDuringExecution']>[number];
type WeightedList = TaskAffinity['preferredDuringSchedulingIgnoredDuringExecution'];

function affinityTerm(term: Term, own: string, labels: Labels): AffinityTerm {
  const { namespaceSelector, matchLabelKeys = [], mismatchLabelKeys = [], topologyKey } = term;
  const namespaces = term.namespaces ?? [];
  const isOwn = namespaces.length === 0 && namespaceSelector === undefined;
  const requirements = requirementsWith(term.labelSelector, labels, [
    ...matchLabelKeys.map((key) => ({ key, operator: 'In' as const })),
    ...mismatchLabelKeys.map((key) => ({ key, operator: 'NotIn' as const })),
  ]);
  return {
    topologyKey,
    selector: {
      namespaces: isOwn ? [own] : namespaces,
      ...(namespaceSelector ? { namespaceSelector: requirementsOf(namespaceSelector) } : {}),
      ...selectorOf(requirements, labels),
    },
  };
}

function spreadRule(rule: SpreadConstraint, own: string, labels: Labels): SpreadRule {
  const keys = (rule.matchLabelKeys ?? []).map((key) => ({ key, operator: 'In' as const }));
  return {
    topologyKey: rule.topologyKey,
    maxSkew: rule.maxSkew,
    isHard: rule.whenUnsatisfiable === 'DoNotSchedule',
    minDomains: rule.minDomains ?? 1,
    honorsAffinity: rule.nodeAffinityPolicy !== 'Ignore',
    honorsTaints: rule.nodeTaintsPolicy === 'Honor',
    selector: {
      namespaces: [own],
      ...selectorOf(requirementsWith(rule.labelSelector, labels, keys), labels),
    },
  };
}

function selectorOf(requirements: Requirement[] | undefined, labels: Labels) {
  if (!requirements) return { matchesOwnLabels: false };
  return { requirements, matchesOwnLabels: matchesLabels(requirements, labels) };
}

/** Keys the task has no label for add nothing (KEP-3243). */
function requirementsWith(
  selector: LabelSelector | undefined,
  labels: Labels,
  keys: readonly { key: string; operator: 'In' | 'NotIn' }[],
): Requirement[] | undefined {
  if (!selector) return undefined;
  const added = keys.flatMap(({ key, operator }): Requirement[] => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
  return [...requirementsOf(selector), ...added];
}

export function taskIdentity({ metadata }: Task, { near, far, preferred }: TaskRelations): TaskIdentity {
  const { namespace = '', labels = {} } = metadata;
  const terms = [
    ...far.map((term) => heldTerm({ ...term, weight: 0 }, true)),
    ...near.map((term) => heldTerm({ ...term, weight: weightOfRequired }, false)),
    ...preferred.map((term) => heldTerm(term, false)),
  ];
  return { key: JSON.stringify([namespace, labels, terms]), namespace, labels, terms };
}

function heldTerm(term: WeightedTerm, refuses: boolean): HeldTerm {
  const { selector, topologyKey, weight } = term;
  const { matchesOwnLabels: _own, ...of } = selector;
  return { ...term, refuses, key: JSON.stringify([of, topologyKey, weight, refuses]) };
}
