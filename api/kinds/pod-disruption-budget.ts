/**
 * PodDisruptionBudget (policy/v1): how many of the tasks a selector finds must stay when tasks are ended by choice.
 * Kept by the eviction subresource and by preemption (api/server/disruption-guard.ts); the disruption controller
 * says in the status how it stands.
 */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { validateSelector } from './selector-rules.ts';
import {
  closedObject,
  conditionsShape,
  count,
  intOrPercent,
  labelSelectorShape,
  objectShape,
  oneOf,
  optional,
  withDefault,
} from './shapes.ts';

const podDisruptionBudgetShape = objectShape(
  names.PodDisruptionBudget,
  {
    spec: withDefault(
      closedObject({
        selector: optional(labelSelectorShape),
        minAvailable: optional(intOrPercent('How many (or which share, rounded up) must be healthy.')),
        maxUnavailable: optional(
          intOrPercent('How many (or which share, rounded up) may be away; only for tasks of jobs.'),
        ),
        unhealthyPodEvictionPolicy: optional(
          oneOf(['IfHealthyBudget', 'AlwaysAllow'], 'When tasks that run and are not ready may go.'),
        ),
      }),
      {},
    ),
    status: withDefault(
      closedObject({
        observedGeneration: optional(Type.Integer()),
        currentHealthy: withDefault(count('Tasks that are healthy.'), 0),
        desiredHealthy: withDefault(count('Tasks that must be healthy.'), 0),
        expectedPods: withDefault(count('Tasks there should be.'), 0),
        disruptionsAllowed: withDefault(count('Tasks that may go by choice, now.'), 0),
        conditions: optional(conditionsShape),
      }),
      {},
    ),
  },
  'How many tasks must stay when tasks are ended by choice.',
);

export type PodDisruptionBudget = Static<typeof podDisruptionBudgetShape>;

export const podDisruptionBudgetKind = defineKind<PodDisruptionBudget>({
  ...names.PodDisruptionBudget,
  description: 'How many tasks must stay when tasks are ended by choice.',
  schema: podDisruptionBudgetShape,
  statusSubresource: true,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the budget.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Min Available',
      type: 'string',
      description: 'How many must be healthy.',
      cell: ({ spec }) => shown(spec.minAvailable),
    },
    {
      name: 'Max Unavailable',
      type: 'string',
      description: 'How many may be away.',
      cell: ({ spec }) => shown(spec.maxUnavailable),
    },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      description: 'How many may go now.',
      cell: ({ status }) => status.disruptionsAllowed,
    },
    ageColumn,
  ],
  strategy: {
    validate: ({ spec }): Cause[] => [
      ...validateSelector(spec.selector, 'spec.selector'),
      ...(spec.minAvailable !== undefined && spec.maxUnavailable !== undefined
        ? [{ field: 'spec', message: 'minAvailable and maxUnavailable cannot be both set' }]
        : []),
    ],
  },
});

function shown(value: number | string | undefined): string {
  return value === undefined ? 'N/A' : String(value);
}
