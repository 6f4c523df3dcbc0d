/** Secret (core/v1): bytes by key that must not be shown. `stringData` is a write-only convenience. */
import type { Static } from 'typebox';
import { immutableCauses, isBase64, keyedDataCauses } from './config-map.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { flag, objectShape, optional, stringMap, text, withDefault } from './shapes.ts';

const secretShape = objectShape(
  names.Secret,
  {
    data: optional(stringMap('Bytes by key, base64.')),
    stringData: optional(stringMap('Text by key; merged into data on write, never read back.')),
    type: withDefault(text('What the secret is for.'), 'Opaque'),
    immutable: optional(flag('Refuse every later change.')),
  },
  'Bytes by key that must not be shown.',
);

export type Secret = Static<typeof secretShape>;

export const secretKind = defineKind<Secret>({
  ...names.Secret,
  description: 'Bytes by key that must not be shown.',
  schema: secretShape,
  statusSubresource: false,
  selectableFields: { type: ({ type }) => type },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the secret.',
      cell: ({ metadata }) => metadata.name,
    },
    { name: 'Type', type: 'string', description: 'What it is for.', cell: ({ type }) => type },
    {
      name: 'Data',
      type: 'integer',
      description: 'Number of keys.',
      cell: ({ data = {} }) => Object.keys(data).length,
    },
    ageColumn,
  ],
  strategy: {
    applyDefaults: mergeStringData,
    validate: (secret, old) => [
      ...keyedDataCauses('data', secret.data, isBase64),
      ...immutableCauses(secret, old, ['data']),
      ...(old && old.type !== secret.type
        ? [{ field: 'type', message: 'field is immutable', reason: 'FieldValueForbidden' as const }]
        : []),
    ],
  },
});

function mergeStringData(draft: Secret): void {
  if (!draft.stringData) return;
  const encoded = Object.entries(draft.stringData).map(([key, value]) => [
    key,
    Buffer.from(value, 'utf8').toString('base64'),
  ]);
  draft.data = { ...draft.data, ...Object.fromEntries(encoded) };
  delete draft.stringData;
}
