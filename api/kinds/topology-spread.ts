/** `topologySpreadConstraints` of a task's spec, as PodSpec has them: how unevenly like tasks may lie over domains. */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { qualifiedNameError } from '../meta/names.ts';
import { labelKeyClashes, validateSelector } from './selector-rules.ts';
import {
  closedObject,
  count,
  labelSelectorShape,
  list,
  oneOf,
  optional,
  text,
  withDefault,
} from './shapes.ts';

const inclusionPolicies = ['Honor', 'Ignore'] as const;

const spreadConstraintShape = closedObject(
  {
    maxSkew: count('By how many tasks a domain may exceed the one with the fewest.', { minimum: 1 }),
    topologyKey: text('Label of nodes: nodes of one value are one domain.', { minLength: 1 }),
    whenUnsatisfiable: oneOf(
      ['DoNotSchedule', 'ScheduleAnyway'],
      'Whether the task waits, or goes where the skew is least.',
    ),
    labelSelector: optional(labelSelectorShape),
    matchLabelKeys: optional(
      list(Type.String(), "Labels whose values must be equal to this task's for a task to count.", {
        maxItems: 32,
      }),
    ),
    minDomains: optional(
      count('With fewer domains than this, the fewest tasks in a domain count as 0.', { minimum: 1 }),
    ),
    nodeAffinityPolicy: withDefault(
      oneOf(inclusionPolicies, "Honor: nodes the task's selector and affinity exclude do not count."),
      'Honor',
    ),
    nodeTaintsPolicy: withDefault(
      oneOf(inclusionPolicies, 'Honor: nodes with taints the task does not tolerate do not count.'),
      'Ignore',
    ),
  },
  { description: 'How unevenly like tasks may lie over domains.' },
);

export const spreadConstraintsShape = list(
  spreadConstraintShape,
  'How tasks like this one lie over failure domains; all must hold.',
  { maxItems: 16, mapKeys: ['topologyKey', 'whenUnsatisfiable'] },
);

export type SpreadConstraint = Static<typeof spreadConstraintShape>;

export function validateSpread(constraints: readonly SpreadConstraint[] = [], path: string): Cause[] {
  const seen = new Set<string>();
  return constraints.flatMap((constraint, index): Cause[] => {
    const { topologyKey, whenUnsatisfiable, labelSelector, matchLabelKeys = [], minDomains } = constraint;
    const field = `${path}[${index}]`;
    const pair = `{${topologyKey}, ${whenUnsatisfiable}}`;
    const causes: Cause[] = [];
    const problem = qualifiedNameError(topologyKey);
    if (problem) causes.push({ field: `${field}.topologyKey`, message: problem });
    if (seen.has(pair)) causes.push({ field, message: `Duplicate value: ${JSON.stringify(pair)}` });
    seen.add(pair);
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule')
      causes.push({
        field: `${field}.minDomains`,
        message: 'can only be set when whenUnsatisfiable is DoNotSchedule',
      });
    return [
      ...causes,
      ...validateSelector(labelSelector, `${field}.labelSelector`),
      ...labelKeyClashes(matchLabelKeys, labelSelector, `${field}.matchLabelKeys`),
    ];
  });
}
