/**
 * Schema building blocks shared by the kinds. Objects are closed (`additionalProperties: false`), so an
 * unknown field is an error that names it. Quantities and durations carry a `format` that the server's
 * validator knows.
 */
import Type, { type TOptional, type TSchema } from 'typebox';
import type { Condition } from '../meta/conditions.ts';
import type { ObjectMeta } from '../meta/object-meta.ts';
import { apiVersionOf, type KindNames } from './names.ts';

type Properties = Record<string, TSchema>;

export function closedObject<P extends Properties>(properties: P, options: { description?: string } = {}) {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

/** A field the server fills in when it is absent: optional on the wire, present in the stored object's type. */
export function withDefault<S extends TSchema>(schema: S, value: unknown): S {
  return Type.Optional({ ...schema, default: value }) as unknown as S;
}

export function optional<S extends TSchema>(schema: S): TOptional<S> {
  return Type.Optional(schema) as TOptional<S>;
}

export const text = (
  description: string,
  options: { minLength?: number; maxLength?: number; pattern?: string; enum?: string[] } = {},
) => Type.String({ description, ...options });

export const count = (description: string, options: { minimum?: number; maximum?: number } = {}) =>
  Type.Integer({ description, minimum: 0, maximum: 2147483647, ...options });

export const flag = (description: string) => Type.Boolean({ description });

/** One of the given words. */
export const oneOf = <const W extends readonly string[]>(words: W, description: string) =>
  Type.Unsafe<W[number]>(Type.String({ enum: [...words], description }));

/** A resource quantity; the wire also takes a plain number, the stored form is canonical text. */
export const quantity = (description: string) =>
  Type.Unsafe<string>({
    anyOf: [{ type: 'string' }, { type: 'number' }],
    format: 'quantity',
    'x-kubernetes-int-or-string': true,
    description,
  });

export const quantities = (description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: {
      anyOf: [{ type: 'string' }, { type: 'number' }],
      format: 'quantity',
      'x-kubernetes-int-or-string': true,
    },
    description,
  });

/** A whole number, or a percentage such as "25%". */
export const intOrPercent = (description: string) =>
  Type.Unsafe<number | string>({
    anyOf: [
      { type: 'integer', minimum: 0, maximum: 2147483647 },
      { type: 'string', pattern: '^[0-9]{1,3}%$' },
    ],
    'x-kubernetes-int-or-string': true,
    description,
  });

export const stringMap = (description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: { type: 'string' },
    description,
  });

/** How strategic merge patches are made (kubectl) and read (api/server/merge-keys.ts). */
const mergedBy = (key: string | false | undefined) =>
  !key ? {} : { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': key };

interface ListOptions {
  minItems?: number;
  maxItems?: number;
  /** Members that tell items apart: each item can have owners of its own. */
  mapKeys?: string[];
  /** The member that tells items of a strategic merge patch apart; false: such a patch replaces the list. */
  mergeKey?: string | false;
}

export const list = <S extends TSchema>(item: S, description: string, options: ListOptions = {}) => {
  const { mapKeys, mergeKey = mapKeys?.[0], ...rest } = options;
  const listType = mapKeys
    ? { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': mapKeys }
    : { 'x-kubernetes-list-type': 'atomic' };
  return Type.Array(item, { description, maxItems: 1000, ...rest, ...listType, ...mergedBy(mergeKey) });
};

export const time = (description: string) => Type.String({ format: 'date-time', description });

const ownerReferenceShape = closedObject({
  apiVersion: Type.String(),
  kind: Type.String(),
  name: Type.String(),
  uid: Type.String(),
  controller: optional(Type.Boolean()),
  blockOwnerDeletion: optional(Type.Boolean()),
});

/** ObjectMeta as the API takes it. The server checks names, labels and the fields it owns in code. */
export const objectMetaShape = Type.Unsafe<ObjectMeta>(
  closedObject(
    {
      name: optional(text('Unique within a namespace (or the cluster). Cannot be changed.')),
      generateName: optional(text('Prefix of a name the server makes up when name is absent.')),
      namespace: optional(text('The space the name is unique in; "default" when absent.')),
      uid: optional(text('Unique in time and space. Set by the server.')),
      resourceVersion: optional(
        text('Opaque version of this object. On updates: the version that is to be replaced.'),
      ),
      generation: optional(Type.Integer({ description: 'Counts changes of the spec. Set by the server.' })),
      creationTimestamp: optional(
        Type.Unsafe<string>({
          anyOf: [{ type: 'string' }, { type: 'null' }],
          description: 'Set by the server.',
        }),
      ),
      deletionTimestamp: optional(
        Type.Unsafe<string>({
          anyOf: [{ type: 'string' }, { type: 'null' }],
          description: 'When deletion was asked for. Set by the server.',
        }),
      ),
      deletionGracePeriodSeconds: optional(
        Type.Integer({ description: 'Seconds given to stop. Set by the server.' }),
      ),
      labels: optional(stringMap('Key and value pairs to organise and select objects by.')),
      annotations: optional(stringMap('Key and value pairs for tools and people; not selectable.')),
      ownerReferences: optional(
        list(ownerReferenceShape, 'Objects this one depends on; when all are gone, it is collected.', {
          mapKeys: ['uid'],
        }),
      ),
      finalizers: optional(
        Type.Unsafe<string[]>({
          type: 'array',
          items: { type: 'string' },
          maxItems: 100,
          'x-kubernetes-list-type': 'set',
          'x-kubernetes-patch-strategy': 'merge',
          description: 'Who must still agree before the object goes.',
        }),
      ),
      managedFields: optional(
        Type.Unsafe<NonNullable<ObjectMeta['managedFields']>>({
          type: 'array',
          items: { type: 'object', additionalProperties: true },
          description: 'Which manager set which field. Set by the server.',
        }),
      ),
      selfLink: optional(text('Not used.')),
    },
    { description: "Standard object's metadata." },
  ),
);

export const conditionsShape = Type.Unsafe<Condition[]>(
  list(
    closedObject({
      type: text('CamelCase name of what is true or not.'),
      status: oneOf(['True', 'False', 'Unknown'], 'Whether it holds.'),
      lastTransitionTime: optional(time('When status last changed.')),
      lastHeartbeatTime: optional(time('When it was last looked at.')),
      reason: optional(text('One CamelCase word for machines.')),
      message: optional(text('For people.')),
      observedGeneration: optional(Type.Integer({ description: 'The generation this was derived from.' })),
    }),
    'What is true of the object now.',
    { mapKeys: ['type'] },
  ),
);

/** apiVersion, kind and metadata around a kind's own fields. */
export function objectShape<P extends Properties>(kindNames: KindNames, properties: P, description: string) {
  return closedObject(
    {
      apiVersion: Type.Unsafe<string>({
        type: 'string',
        enum: [apiVersionOf(kindNames)],
        description: 'Group and version of the schema.',
      }),
      kind: Type.Unsafe<string>({
        type: 'string',
        enum: [kindNames.kind],
        description: 'What this object is.',
      }),
      metadata: objectMetaShape,
      ...properties,
    },
    { description },
  );
}

export const labelSelectorShape = closedObject({
  matchLabels: optional(stringMap('Labels that must all be equal.')),
  matchExpressions: optional(
    list(
      closedObject({
        key: Type.String(),
        operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist'], 'How the key relates to the values.'),
        values: optional(Type.Array(Type.String())),
      }),
      'Requirements that must all hold.',
    ),
  ),
});
