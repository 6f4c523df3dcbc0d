/**
 * PersistentVolume (core/v1): a directory of one node that outlives the tasks which mount it.
 *
 *   Available ──▶ Bound ──▶ Released (its claim is gone) ──▶ deleted, or kept (reclaim policy Retain)
 */
import { isDeepStrictEqual } from 'node:util';
import type { Static } from 'typebox';
import Type from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { withFinalizer } from '../meta/object-meta.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import {
  accessModesShape,
  shortModes,
  storageCauses,
  volumeModeCauses,
  volumeModeShape,
} from './persistent-volume-claim.ts';
import { closedObject, objectShape, oneOf, optional, quantities, text, time, withDefault } from './shapes.ts';
import { nodeSelectorTermsShape } from './task-affinity.ts';
import { isPlainPath } from './task-volumes.ts';
import { nodeOfVolume, volumeProtection } from './volume-names.ts';

const claimRefShape = closedObject({
  apiVersion: optional(Type.String()),
  kind: optional(Type.String()),
  namespace: text('Namespace of the claim.'),
  name: text('Name of the claim.'),
  uid: optional(text('The very claim; absent: reserved for whoever comes by that name.')),
  resourceVersion: optional(Type.String()),
  fieldPath: optional(Type.String()),
});

export const reclaimPolicyShape = oneOf(
  ['Delete', 'Retain', 'Recycle'],
  'What becomes of a volume whose claim is gone: Delete or Retain.',
);

const volumeShape = objectShape(
  names.PersistentVolume,
  {
    spec: closedObject({
      accessModes: accessModesShape,
      capacity: quantities('storage: how much may be in it.'),
      local: closedObject({
        path: text('Absolute path on the node.'),
        fsType: optional(text('Kept for clients.')),
      }),
      nodeAffinity: optional(
        closedObject({ required: optional(closedObject({ nodeSelectorTerms: nodeSelectorTermsShape })) }),
      ),
      claimRef: optional(claimRefShape),
      persistentVolumeReclaimPolicy: withDefault(reclaimPolicyShape, 'Retain'),
      storageClassName: optional(text('Class of the volume.')),
      volumeMode: volumeModeShape,
    }),
    status: withDefault(
      closedObject({
        phase: withDefault(
          oneOf(['Pending', 'Available', 'Bound', 'Released', 'Failed'], 'Whether somebody has it.'),
          'Pending',
        ),
        reason: optional(text('One CamelCase word.')),
        message: optional(text('For people.')),
        lastPhaseTransitionTime: optional(time('Since when it has been so.')),
      }),
      {},
    ),
  },
  'A directory of a node that outlives the tasks which mount it.',
);

export type PersistentVolume = Static<typeof volumeShape>;

export const persistentVolumeKind = defineKind<PersistentVolume>({
  ...names.PersistentVolume,
  description: 'A directory of a node that outlives the tasks which mount it.',
  schema: volumeShape,
  statusSubresource: true,
  selectableFields: { 'spec.nodeName': nodeOfVolume },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the volume.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'Capacity',
      type: 'string',
      description: 'How much may be in it.',
      cell: ({ spec }) => spec.capacity['storage'] ?? '',
    },
    {
      name: 'Access Modes',
      type: 'string',
      description: 'How it may be mounted.',
      cell: ({ spec }) => shortModes(spec.accessModes),
    },
    {
      name: 'Reclaim Policy',
      type: 'string',
      description: 'What becomes of it when its claim is gone.',
      cell: ({ spec }) => spec.persistentVolumeReclaimPolicy,
    },
    {
      name: 'Status',
      type: 'string',
      description: 'Whether somebody has it.',
      cell: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : status.phase),
    },
    { name: 'Claim', type: 'string', description: 'Who has it.', cell: claimCell },
    {
      name: 'StorageClass',
      type: 'string',
      description: 'Its class.',
      cell: ({ spec }) => spec.storageClassName ?? '',
    },
    { name: 'Reason', type: 'string', description: 'Why.', cell: ({ status }) => status.reason ?? '' },
    ageColumn,
    {
      name: 'Node',
      type: 'string',
      priority: 1,
      description: 'Where it is.',
      cell: (volume) => nodeOfVolume(volume) ?? '',
    },
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
        metadata.finalizers = withFinalizer(metadata.finalizers, volumeProtection);
    },
    validate: (volume, old) => [...validateVolume(volume), ...fixedCauses(volume, old)],
  },
});

function claimCell({ spec: { claimRef } }: PersistentVolume): string {
  return claimRef ? `${claimRef.namespace}/${claimRef.name}` : '';
}

function validateVolume(volume: PersistentVolume): Cause[] {
  const { spec } = volume;
  const causes = [
    ...storageCauses(spec.capacity['storage'], 'spec.capacity.storage'),
    ...volumeModeCauses(spec),
  ];
  if (!isPlainPath(spec.local.path))
    causes.push({ field: 'spec.local.path', message: 'must be an absolute path without ..' });
  if (nodeOfVolume(volume) === undefined)
    causes.push({
      field: 'spec.nodeAffinity.required',
      message: 'must say which node it is on: one term, kubernetes.io/hostname In [the node]',
      reason: 'FieldValueRequired',
    });
  if (spec.persistentVolumeReclaimPolicy === 'Recycle')
    causes.push({
      field: 'spec.persistentVolumeReclaimPolicy',
      message: 'Unsupported value: "Recycle": supported values: "Delete", "Retain"',
      reason: 'FieldValueNotSupported',
    });
  return causes;
}

function fixedCauses({ spec }: PersistentVolume, old: PersistentVolume | undefined): Cause[] {
  if (!old) return [];
  return (['local', 'nodeAffinity', 'volumeMode'] as const)
    .filter((field) => !isDeepStrictEqual(spec[field], old.spec[field]))
    .map((field) => ({
      field: `spec.${field}`,
      message: 'Forbidden: is immutable after creation',
      reason: 'FieldValueForbidden',
    }));
}
