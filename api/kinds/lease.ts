/** Lease (coordination.k8s.io/v1): who holds something, and until when. Node heartbeats and leader election. */
import type { Static } from 'typebox';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { closedObject, count, objectShape, optional, text, withDefault } from './shapes.ts';

const leaseShape = objectShape(
  names.Lease,
  {
    spec: withDefault(
      closedObject({
        holderIdentity: optional(text('Who holds it; empty when released.')),
        leaseDurationSeconds: optional(count('How long a renewal is good for.')),
        acquireTime: optional(text('When the holder got it; RFC 3339 with microseconds.')),
        renewTime: optional(text('When the holder last renewed it; RFC 3339 with microseconds.')),
        leaseTransitions: optional(count('How often it changed hands.')),
      }),
      {},
    ),
  },
  'Who holds something, and until when.',
);

export type Lease = Static<typeof leaseShape>;

export const leaseKind = defineKind<Lease>({
  ...names.Lease,
  description: 'Who holds something, and until when.',
  schema: leaseShape,
  statusSubresource: false,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the lease.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Holder',
      type: 'string',
      description: 'Who holds it.',
      cell: ({ spec }) => spec.holderIdentity ?? '',
    },
    ageColumn,
  ],
  strategy: {},
});
