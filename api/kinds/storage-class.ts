/** StorageClass (storage.k8s.io/v1): where the volumes of claims come from, and when. */
import { isDeepStrictEqual } from 'node:util';
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { reclaimPolicyShape } from './persistent-volume.ts';
import { flag, objectShape, oneOf, optional, stringMap, text, withDefault } from './shapes.ts';
import { defaultClassAnnotation, localProvisioner } from './volume-names.ts';

const storageClassShape = objectShape(
  names.StorageClass,
  {
    provisioner: text(
      `${localProvisioner}: a directory on the node of the first task. Any other makes no volumes here.`,
      { minLength: 1 },
    ),
    parameters: optional(stringMap('For the provisioner.')),
    reclaimPolicy: withDefault(reclaimPolicyShape, 'Delete'),
    volumeBindingMode: withDefault(
      oneOf(['Immediate', 'WaitForFirstConsumer'], 'When a claim gets its volume.'),
      'Immediate',
    ),
    allowVolumeExpansion: optional(flag('Kept for clients; volumes do not grow.')),
  },
  'Where the volumes of claims come from, and when.',
);

export type StorageClass = Static<typeof storageClassShape>;

export const storageClassKind = defineKind<StorageClass>({
  ...names.StorageClass,
  description: 'Where the volumes of claims come from, and when.',
  schema: storageClassShape,
  statusSubresource: false,
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: 'Name of the class.', cell: nameCell },
    {
      name: 'Provisioner',
      type: 'string',
      description: 'Who makes the volumes.',
      cell: ({ provisioner }) => provisioner,
    },
    {
      name: 'ReclaimPolicy',
      type: 'string',
      description: 'What becomes of them when their claims are gone.',
      cell: ({ reclaimPolicy }) => reclaimPolicy,
    },
    {
      name: 'VolumeBindingMode',
      type: 'string',
      description: 'When a claim gets its volume.',
      cell: ({ volumeBindingMode }) => volumeBindingMode,
    },
    {
      name: 'AllowVolumeExpansion',
      type: 'string',
      description: 'Whether volumes may grow.',
      cell: ({ allowVolumeExpansion = false }) => String(allowVolumeExpansion),
    },
    ageColumn,
  ],
  strategy: {
    validate: (storageClass, old) => [...bindingCauses(storageClass), ...fixedCauses(storageClass, old)],
  },
});

function nameCell({ metadata: { name, annotations = {} } }: StorageClass): string {
  return annotations[defaultClassAnnotation] === 'true' ? `${name} (default)` : name;
}

/** A volume that is made before anybody knows where its tasks fit would decide where they run. */
function bindingCauses({ provisioner, volumeBindingMode }: StorageClass): Cause[] {
  if (provisioner !== localProvisioner || volumeBindingMode === 'WaitForFirstConsumer') return [];
  const message = `must be WaitForFirstConsumer with provisioner ${localProvisioner}`;
  return [{ field: 'volumeBindingMode', message }];
}

function fixedCauses(storageClass: StorageClass, old: StorageClass | undefined): Cause[] {
  if (!old) return [];
  return (['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode'] as const)
    .filter((field) => !isDeepStrictEqual(storageClass[field], old[field]))
    .map((field) => ({ field, message: 'field is immutable', reason: 'FieldValueForbidden' }));
}
