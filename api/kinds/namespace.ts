/** Namespace (core/v1): a space names are unique in. Deleting one empties it first (finalizer `kubernetes`). */
import type { Static } from 'typebox';
import Type from 'typebox';
import { dnsLabelError } from '../meta/names.ts';
import { withFinalizer } from '../meta/object-meta.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names, namespaceFinalizer } from './names.ts';
import { closedObject, conditionsShape, objectShape, oneOf, optional, withDefault } from './shapes.ts';

const namespaceShape = objectShape(
  names.Namespace,
  {
    spec: withDefault(closedObject({ finalizers: optional(Type.Array(Type.String())) }), {}),
    status: withDefault(
      closedObject({
        phase: optional(
          oneOf(['Active', 'Terminating'], 'Terminating from the delete on, until it is empty.'),
        ),
        conditions: optional(conditionsShape),
      }),
      {},
    ),
  },
  'A space names are unique in.',
);

export type Namespace = Static<typeof namespaceShape>;

export { namespaceFinalizer };

export const namespaceKind = defineKind<Namespace>({
  ...names.Namespace,
  description: 'A space names are unique in.',
  schema: namespaceShape,
  statusSubresource: true,
  selectableFields: { 'status.phase': ({ status }) => status.phase },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the namespace.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Status',
      type: 'string',
      description: 'Active or Terminating.',
      cell: ({ metadata }) => (metadata.deletionTimestamp ? 'Terminating' : 'Active'),
    },
    ageColumn,
  ],
  strategy: {
    nameError: (name) => dnsLabelError(name),
    applyDefaults: (draft) => {
      draft.status.phase ??= 'Active';
      draft.metadata.labels = {
        ...draft.metadata.labels,
        'kubernetes.io/metadata.name': draft.metadata.name,
      };
      if (!draft.metadata.uid)
        draft.metadata.finalizers = withFinalizer(draft.metadata.finalizers, namespaceFinalizer);
    },
    beginDeletion: (namespace) => {
      namespace.status = { ...namespace.status, phase: 'Terminating' };
    },
  },
});
