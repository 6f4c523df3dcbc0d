/** ServiceAccount (core/v1): a name for programs; its tokens are asked for one by one (`kubectl create token`). */
import type { Static } from 'typebox';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { closedObject, flag, list, objectShape, optional, text } from './shapes.ts';

const reference = closedObject({ name: optional(text('Name of the object, in the same namespace.')) });

const serviceAccountShape = objectShape(
  names.ServiceAccount,
  {
    secrets: optional(list(reference, 'Secrets that go with the account.', { mergeKey: 'name' })),
    imagePullSecrets: optional(list(reference, 'Secrets to pull images with.')),
    automountServiceAccountToken: optional(
      flag('false: tasks of the account find no token of it, unless they say otherwise.'),
    ),
  },
  'A name for programs that talk to the API.',
);

export type ServiceAccount = Static<typeof serviceAccountShape>;

export const serviceAccountKind = defineKind<ServiceAccount>({
  ...names.ServiceAccount,
  description: 'A name for programs that talk to the API.',
  schema: serviceAccountShape,
  statusSubresource: false,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the account.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Secrets',
      type: 'integer',
      description: 'Number of secrets that go with it.',
      cell: ({ secrets = [] }) => secrets.length,
    },
    ageColumn,
  ],
  strategy: {},
});
