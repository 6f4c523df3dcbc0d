/**
 * PriorityClass (scheduling.k8s.io/v1), and Borg's four bands. A band is a range of priorities; the
 * classes of the same names exist in every cluster.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { bandOf } from './priority-bands.ts';
import { flag, objectShape, oneOf, optional, text, withDefault } from './shapes.ts';

export { type Band, bandOf, bands, defaultPriorityClassName } from './priority-bands.ts';

const priorityClassShape = objectShape(
  names.PriorityClass,
  {
    value: Type.Integer({
      description: 'Priority; higher goes first.',
      minimum: -2147483648,
      maximum: 1_000_000_000,
    }),
    globalDefault: optional(flag('Use this class where none is named.')),
    description: optional(text('When to use it.')),
    preemptionPolicy: withDefault(
      oneOf(['PreemptLowerPriority', 'Never'], 'Whether its tasks may displace others.'),
      'PreemptLowerPriority',
    ),
  },
  'A name for a priority.',
);

export type PriorityClass = Static<typeof priorityClassShape>;

export const priorityClassKind = defineKind<PriorityClass>({
  ...names.PriorityClass,
  description: 'A name for a priority.',
  schema: priorityClassShape,
  statusSubresource: false,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the class.',
      cell: ({ metadata }) => metadata.name,
    },
    { name: 'Value', type: 'integer', description: 'Priority.', cell: ({ value }) => value },
    {
      name: 'Global-Default',
      type: 'boolean',
      description: 'Used where none is named.',
      cell: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn,
    {
      name: 'Band',
      type: 'string',
      priority: 1,
      description: 'Borg band of the priority.',
      cell: ({ value }) => bandOf(value),
    },
  ],
  strategy: {
    validate: ({ value }, old): Cause[] =>
      old && old.value !== value
        ? [{ field: 'value', message: 'field is immutable', reason: 'FieldValueForbidden' }]
        : [],
  },
});
