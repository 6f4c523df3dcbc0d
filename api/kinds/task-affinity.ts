/**
 * Where a task goes relative to nodes and to other tasks: `affinity` of the spec, in PodSpec's field names;
 * "pod" means task in them. Shared by Task and Job's template.
 */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError, qualifiedNameError } from '../meta/names.ts';
import { labelKeyClashes, validateSelector } from './selector-rules.ts';
import { closedObject, count, labelSelectorShape, list, oneOf, optional, text } from './shapes.ts';

const nodeSelectorTermShape = closedObject(
  {
    matchExpressions: optional(
      list(
        closedObject({
          key: text('Label of the node.'),
          operator: oneOf(
            ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'],
            'How the label relates to the values.',
          ),
          values: optional(Type.Array(Type.String())),
        }),
        'Requirements on labels; all must hold.',
      ),
    ),
    matchFields: optional(
      list(
        closedObject({
          key: oneOf(['metadata.name'], 'Field of the node.'),
          operator: oneOf(['In', 'NotIn'], 'How it relates to the values.'),
          values: Type.Array(Type.String()),
        }),
        'Requirements on fields; all must hold.',
      ),
    ),
  },
  { description: 'Requirements on a node; all must hold.' },
);

export const nodeSelectorTermsShape = list(nodeSelectorTermShape, 'Terms; one must match.', { minItems: 1 });

const nodeAffinityShape = closedObject({
  requiredDuringSchedulingIgnoredDuringExecution: optional(
    closedObject({ nodeSelectorTerms: nodeSelectorTermsShape }),
  ),
  preferredDuringSchedulingIgnoredDuringExecution: optional(
    list(
      closedObject({
        weight: count('1 to 100.', { minimum: 1, maximum: 100 }),
        preference: nodeSelectorTermShape,
      }),
      "Terms that add to a node's score.",
    ),
  ),
});

const affinityTermShape = closedObject(
  {
    labelSelector: optional(labelSelectorShape),
    topologyKey: text('Label of nodes: nodes of one value are one domain.', { minLength: 1 }),
    namespaces: optional(
      list(
        Type.String(),
        "Namespaces the tasks are in; default: the task's own, if there is no namespaceSelector.",
        {
          maxItems: 100,
        },
      ),
    ),
    namespaceSelector: optional(labelSelectorShape),
    matchLabelKeys: optional(
      list(Type.String(), "Labels whose values must be equal to this task's.", { maxItems: 32 }),
    ),
    mismatchLabelKeys: optional(
      list(Type.String(), "Labels whose values must differ from this task's.", { maxItems: 32 }),
    ),
  },
  { description: 'Tasks, and how near is near.' },
);

const taskAffinityShape = closedObject({
  requiredDuringSchedulingIgnoredDuringExecution: optional(
    list(affinityTermShape, 'Terms that must hold, all of them.', { maxItems: 32 }),
  ),
  preferredDuringSchedulingIgnoredDuringExecution: optional(
    list(
      closedObject({
        weight: count('1 to 100.', { minimum: 1, maximum: 100 }),
        podAffinityTerm: affinityTermShape,
      }),
      "Terms that add to, or take from, a node's score.",
      { maxItems: 32 },
    ),
  ),
});

export const affinityShape = closedObject(
  {
    nodeAffinity: optional(nodeAffinityShape),
    podAffinity: optional(taskAffinityShape),
    podAntiAffinity: optional(taskAffinityShape),
  },
  { description: 'Which nodes, and which tasks, the task must or should be near to or far from.' },
);

export type NodeSelectorTerm = Static<typeof nodeSelectorTermShape>;
export type Affinity = Static<typeof affinityShape>;
export type AffinityTerm = Static<typeof affinityTermShape>;
type TaskAffinity = Static<typeof taskAffinityShape>;

export function validateAffinity(affinity: Affinity | undefined, path: string): Cause[] {
  const { podAffinity, podAntiAffinity } = affinity ?? {};
  return [
    ...validateTaskAffinity(podAffinity, `${path}.podAffinity`),
    ...validateTaskAffinity(podAntiAffinity, `${path}.podAntiAffinity`),
  ];
}

function validateTaskAffinity(affinity: TaskAffinity | undefined, path: string): Cause[] {
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...required.flatMap((term, index) =>
      validateTerm(term, `${path}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`),
    ),
    ...preferred.flatMap(({ podAffinityTerm }, index) =>
      validateTerm(
        podAffinityTerm,
        `${path}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`,
      ),
    ),
  ];
}

function validateTerm(term: AffinityTerm, path: string): Cause[] {
  const { topologyKey, labelSelector, namespaceSelector, namespaces = [] } = term;
  const { matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  const problem = qualifiedNameError(topologyKey);
  const causes: Cause[] = problem ? [{ field: `${path}.topologyKey`, message: problem }] : [];
  for (const [index, namespace] of namespaces.entries()) {
    const wrong = dnsLabelError(namespace);
    if (wrong) causes.push({ field: `${path}.namespaces[${index}]`, message: wrong });
  }
  return [
    ...causes,
    ...validateSelector(labelSelector, `${path}.labelSelector`),
    ...validateSelector(namespaceSelector, `${path}.namespaceSelector`),
    ...labelKeyClashes(matchLabelKeys, labelSelector, `${path}.matchLabelKeys`),
    ...labelKeyClashes(mismatchLabelKeys, labelSelector, `${path}.mismatchLabelKeys`),
  ];
}
