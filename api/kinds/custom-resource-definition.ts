/**
 * CustomResourceDefinition (apiextensions.k8s.io/v1): how users bring kinds of their own. Its schemas are
 * checked when it is written (custom-schema.ts, validation-rules.ts), so that a definition that is stored
 * can be served; custom-kind.ts makes kinds of it.
 */
import type { Static } from 'typebox';
import Type from 'typebox';
import { definitionCauses } from './custom-definition-rules.ts';
import type { CustomSchema } from './custom-schema.ts';
import { defineKind } from './define-kind.ts';
import { customResourceFinalizer, names } from './names.ts';
import {
  closedObject,
  conditionsShape,
  flag,
  list,
  objectShape,
  oneOf,
  optional,
  text,
  withDefault,
} from './shapes.ts';

const texts = (description: string) =>
  Type.Array(Type.String(), { description, maxItems: 100, 'x-kubernetes-list-type': 'atomic' });

const namesShape = closedObject({
  plural: text('Plural name, as in paths.'),
  kind: text('Name of the kind, in CamelCase.'),
  singular: optional(text('Singular name; the kind in lower case when absent.')),
  shortNames: optional(texts('Short names for command lines.')),
  categories: optional(texts('Groups of kinds it belongs to, such as all.')),
  listKind: optional(text('Name of the kind of its lists: the kind and List.')),
});

const columnShape = closedObject({
  name: text('Heading.'),
  type: oneOf(['string', 'integer', 'number', 'boolean', 'date'], 'Type of the values.'),
  jsonPath: text('Where the value is, such as .spec.replicas.'),
  description: optional(text('What it shows.')),
  format: optional(text('An OpenAPI format.')),
  priority: optional(Type.Integer({ description: '0: always shown; more: only in wide tables.' })),
});

const subresourcesShape = closedObject({
  status: optional(closedObject({}, { description: 'Makes status a part that is written by itself.' })),
  scale: optional(
    closedObject(
      {
        specReplicasPath: text('Where the wanted replicas are, below .spec.'),
        statusReplicasPath: text('Where the actual replicas are, below .status.'),
        labelSelectorPath: optional(text('Where the selector is, as text.')),
      },
      { description: 'Makes kubectl scale work.' },
    ),
  ),
});

const versionShape = closedObject({
  name: text('Name, such as v1 or v1beta1.'),
  served: flag('Whether it can be used.'),
  storage: flag('Whether objects are stored in it; exactly one version is.'),
  deprecated: optional(flag('Whether clients are to move on.')),
  deprecationWarning: optional(text('What to tell them.')),
  schema: closedObject(
    {
      openAPIV3Schema: Type.Unsafe<CustomSchema>({
        type: 'object',
        additionalProperties: true,
        description: 'The structural schema of the kind.',
      }),
    },
    { description: 'What objects look like.' },
  ),
  subresources: optional(subresourcesShape),
  additionalPrinterColumns: optional(list(columnShape, 'Columns of tables, after the name.')),
  selectableFields: optional(
    list(
      closedObject({ jsonPath: text('Where the field is, such as .spec.color.') }),
      'Fields a field selector may name.',
    ),
  ),
});

const definitionShape = objectShape(
  names.CustomResourceDefinition,
  {
    spec: closedObject(
      {
        group: text('API group, such as example.com.'),
        names: namesShape,
        scope: oneOf(['Namespaced', 'Cluster'], 'Whether objects live in namespaces.'),
        versions: list(versionShape, 'The versions, each with its schema.', { minItems: 1, maxItems: 50 }),
        conversion: withDefault(
          closedObject({
            strategy: oneOf(['None', 'Webhook'], 'None: versions differ in apiVersion alone.'),
            webhook: optional(Type.Unsafe<unknown>({ type: 'object', additionalProperties: true })),
          }),
          { strategy: 'None' },
        ),
        preserveUnknownFields: optional(flag('Must be false.')),
      },
      { description: 'The kind.' },
    ),
    status: optional(
      closedObject(
        {
          acceptedNames: optional(Type.Partial(namesShape, { additionalProperties: false })),
          conditions: optional(conditionsShape),
          storedVersions: optional(texts('Versions that objects have been stored in.')),
        },
        { description: 'What became of it. Written by the API server.' },
      ),
    ),
  },
  'A kind of objects, defined by a user.',
);

export type CustomResourceDefinition = Static<typeof definitionShape>;
export type CustomVersion = CustomResourceDefinition['spec']['versions'][number];
export type CustomNames = CustomResourceDefinition['spec']['names'];

export const customResourceDefinitionKind = defineKind<CustomResourceDefinition>({
  ...names.CustomResourceDefinition,
  description: 'A kind of objects, defined by a user.',
  schema: definitionShape,
  statusSubresource: true,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Plural and group.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Created At',
      type: 'string',
      description: 'Time of creation.',
      cell: ({ metadata }) => metadata.creationTimestamp,
    },
  ],
  strategy: {
    applyDefaults: ({ metadata, spec }) => {
      spec.names.singular ??= spec.names.kind.toLowerCase();
      spec.names.listKind ??= `${spec.names.kind}List`;
      if (metadata.deletionTimestamp !== undefined || metadata.finalizers?.includes(customResourceFinalizer))
        return;
      metadata.finalizers = [...(metadata.finalizers ?? []), customResourceFinalizer];
    },
    validate: definitionCauses,
  },
});
