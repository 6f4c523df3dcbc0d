/**
 * PersistentVolumeClaim (core/v1): a volume somebody wants, by a name that tasks can mount. It outlives them.
 *
 *   Pending ──▶ Bound ──▶ Lost (its volume is gone)
 */
import { isDeepStrictEqual } from 'node:util';
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { withFinalizer } from '../meta/object-meta.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import {
  closedObject,
  conditionsShape,
  labelSelectorShape,
  list,
  objectShape,
  oneOf,
  optional,
  quantities,
  text,
  withDefault,
} from './shapes.ts';
import { claimProtection } from './volume-names.ts';

const modes = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'] as const;

export const accessModesShape = list(
  oneOf(modes, 'ReadWriteOnce: the tasks of one node; ReadWriteOncePod: one task.'),
  'How it may be mounted.',
  { minItems: 1 },
);
export const volumeModeShape = withDefault(oneOf(['Filesystem', 'Block'], 'Only Filesystem.'), 'Filesystem');

const claimShape = objectShape(
  names.PersistentVolumeClaim,
  {
    spec: closedObject({
      accessModes: accessModesShape,
      resources: closedObject({
        requests: quantities('storage: how much must fit in.'),
        limits: optional(quantities('storage: kept for clients.')),
      }),
      selector: optional(labelSelectorShape),
      storageClassName: optional(text('Class of the volume; default is the class that is marked so.')),
      volumeMode: volumeModeShape,
      volumeName: optional(text('The volume it is bound to.')),
    }),
    status: withDefault(
      closedObject({
        phase: withDefault(oneOf(['Pending', 'Bound', 'Lost'], 'Whether it has a volume.'), 'Pending'),
        accessModes: optional(accessModesShape),
        capacity: optional(quantities('What its volume has.')),
        conditions: optional(conditionsShape),
      }),
      {},
    ),
  },
  'A volume that tasks mount by this name, and that outlives them.',
);

export type PersistentVolumeClaim = Static<typeof claimShape>;
export type AccessMode = (typeof modes)[number];

export const persistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
  ...names.PersistentVolumeClaim,
  description: 'A volume that tasks mount by this name, and that outlives them.',
  schema: claimShape,
  statusSubresource: true,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the claim.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Status',
      type: 'string',
      description: 'Whether it has a volume.',
      cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : status.phase),
    },
    { name: 'Volume', type: 'string', description: 'Its volume.', cell: ({ spec }) => spec.volumeName ?? '' },
    {
      name: 'Capacity',
      type: 'string',
      description: 'What its volume has.',
      cell: ({ status }) => status.capacity?.['storage'] ?? '',
    },
    {
      name: 'Access Modes',
      type: 'string',
      description: 'How its volume may be mounted.',
      cell: ({ status }) => shortModes(status.accessModes),
    },
    {
      name: 'StorageClass',
      type: 'string',
      description: 'Class of the volume.',
      cell: ({ spec }) => spec.storageClassName ?? '',
    },
    ageColumn,
    {
      name: 'VolumeMode',
      type: 'string',
      priority: 1,
      description: 'What containers see.',
      cell: ({ spec }) => spec.volumeMode,
    },
  ],
  strategy: {
    applyDefaults: ({ metadata }) => {
      if (metadata.uid === undefined)
        metadata.finalizers = withFinalizer(metadata.finalizers, claimProtection);
    },
    validate: (claim, old) => [
      ...storageCauses(claim.spec.resources.requests['storage'], 'spec.resources.requests.storage'),
      ...volumeModeCauses(claim.spec),
      ...fixedCauses(claim, old),
    ],
  },
});

/** RWO, RWOP, … as kubectl shows them. */
export function shortModes(all: readonly AccessMode[] = []): string {
  const short = { ReadWriteOnce: 'RWO', ReadOnlyMany: 'ROX', ReadWriteMany: 'RWX', ReadWriteOncePod: 'RWOP' };
  return all.map((mode) => short[mode]).join(',');
}

export function storageCauses(storage: string | undefined, field: string): Cause[] {
  if (storage === undefined) return [{ field, message: 'Required value', reason: 'FieldValueRequired' }];
  return parseQuantity(storage).nano > 0n ? [] : [{ field, message: 'must be more than 0' }];
}

export function volumeModeCauses({ volumeMode }: { volumeMode: string }): Cause[] {
  if (volumeMode !== 'Block') return [];
  return [
    {
      field: 'spec.volumeMode',
      message: 'Forbidden: nodes give no block devices',
      reason: 'FieldValueForbidden',
    },
  ];
}

/** The volume may be named later; nothing else of what was asked for changes. */
function fixedCauses({ spec }: PersistentVolumeClaim, old: PersistentVolumeClaim | undefined): Cause[] {
  if (!old) return [];
  const before = { ...old.spec, volumeName: old.spec.volumeName ?? spec.volumeName };
  if (isDeepStrictEqual(JSON.parse(JSON.stringify(spec)), JSON.parse(JSON.stringify(before)))) return [];
  const message = 'Forbidden: spec is immutable after creation except volumeName for unbound claims';
  return [{ field: 'spec', message, reason: 'FieldValueForbidden' }];
}
