/**
 * PriorityClass (scheduling.k8s.io/v1), and Borg's four bands. A band is a range of priorities; the
 * classes of the same names exist in every cluster.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { flag, objectShape, oneOf, optional, text, withDefault } from './shapes.ts';

/** Lowest priority of each band, highest band first. (Borg, EuroSys'15 section 2.5.) */
export const bands = [
  { name: 'monitoring', priority: 300_000, description: 'What watches everything else.' },
  { name: 'production', priority: 200_000, description: 'Serves users; never preempted by its own band.' },
  { name: 'batch', priority: 100_000, description: 'Work that can wait and be restarted. The default.' },
  { name: 'best-effort', priority: 0, description: 'Runs in what is left over.' },
] as const;

export type Band = (typeof bands)[number]['name'];

export const defaultPriorityClassName = 'batch' satisfies Band;

export function bandOf(priority: number): Band {
  return bands.find((band) => priority >= band.priority)?.name ?? 'best-effort';
}

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
    {
      name: 'Age',
      type: 'date',
      description: 'Since creation.',
      cell: ({ metadata }) => metadata.creationTimestamp,
    },
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
