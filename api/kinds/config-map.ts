/** ConfigMap (core/v1): text and bytes by key. */
import { isDeepStrictEqual } from 'node:util';
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { configKeyError } from '../meta/names.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { flag, objectShape, optional, stringMap } from './shapes.ts';

const configMapShape = objectShape(
  names.ConfigMap,
  {
    data: optional(stringMap('Text by key.')),
    binaryData: optional(stringMap('Bytes by key, base64.')),
    immutable: optional(flag('Refuse every later change.')),
  },
  'Configuration: text and bytes by key.',
);

export type ConfigMap = Static<typeof configMapShape>;

export const configMapKind = defineKind<ConfigMap>({
  ...names.ConfigMap,
  description: 'Configuration: text and bytes by key.',
  schema: configMapShape,
  statusSubresource: false,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the map.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Data',
      type: 'integer',
      description: 'Number of keys.',
      cell: ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length,
    },
    ageColumn,
  ],
  strategy: {
    validate: (map, old) => [
      ...keyedDataCauses('data', map.data),
      ...keyedDataCauses('binaryData', map.binaryData, isBase64),
      ...immutableCauses(map, old, ['data', 'binaryData']),
    ],
  },
});

/** Keys must be file names; values must pass `valueOk`. Shared with Secret. */
export function keyedDataCauses(
  field: string,
  data: Record<string, string> = {},
  valueOk: (value: string) => boolean = () => true,
): Cause[] {
  return Object.entries(data).flatMap(([key, value]): Cause[] => {
    const problem = configKeyError(key) ?? (valueOk(value) ? undefined : 'must be base64');
    return problem ? [{ field: `${field}[${key}]`, message: problem }] : [];
  });
}

export function isBase64(value: string): boolean {
  return value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}

/** Once `immutable` is set, neither it nor the named fields change. */
export function immutableCauses<T extends { immutable?: boolean }>(
  object: T,
  old: T | undefined,
  fields: readonly (keyof T & string)[],
): Cause[] {
  if (!old?.immutable) return [];
  return [...fields, 'immutable' as const]
    .filter((field) => !isDeepStrictEqual(object[field as keyof T], old[field as keyof T]))
    .map((field) => ({
      field,
      message: 'field is immutable when `immutable` is set',
      reason: 'FieldValueForbidden' as const,
    }));
}
