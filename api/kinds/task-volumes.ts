/**
 * Files and variables a task gets from outside its images: volumes, where containers mount them, and
 * environment variables that tell of the task itself.
 */
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError, qualifiedNameError } from '../meta/names.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { closedObject, flag, oneOf, optional, quantity, text, withDefault } from './shapes.ts';

export const volumeShape = closedObject({
  name: text('Unique among the volumes of the task, a DNS label.'),
  emptyDir: optional(
    closedObject(
      {
        medium: optional(oneOf(['', 'Memory'], 'Memory: a tmpfs, counted as memory of who writes it.')),
        sizeLimit: optional(quantity('How much fits in; enforced for medium Memory.')),
      },
      { description: 'An empty directory that lives as long as the task on its node.' },
    ),
  ),
  hostPath: optional(
    closedObject(
      {
        path: text('Absolute path on the node, within what its agent allows (--allow-host-path).'),
        type: optional(oneOf(['', 'Directory', 'File'], 'What must be there.')),
      },
      { description: 'A directory or file of the node.' },
    ),
  ),
});

export const volumeMountShape = closedObject({
  name: text('Name of the volume.'),
  mountPath: text('Absolute path in the container.'),
  readOnly: withDefault(flag('Whether the container cannot write.'), false),
  subPath: optional(text('Path within the volume; symbolic links in it are refused.')),
});

const fieldRefShape = closedObject(
  {
    apiVersion: optional(text('Not used.')),
    fieldPath: text(
      "metadata.name, metadata.namespace, metadata.uid, metadata.labels['…'], metadata.annotations['…'], spec.nodeName or status.hostIP.",
    ),
  },
  { description: 'A field of the task.' },
);

export const envShape = closedObject({
  name: text('Name of the variable.'),
  value: withDefault(text('Its value.'), ''),
  valueFrom: optional(
    closedObject({ fieldRef: optional(fieldRefShape) }, { description: 'Where the value is taken from.' }),
  ),
});

export type Volume = Static<typeof volumeShape>;
export type VolumeMount = Static<typeof volumeMountShape>;
export type EnvVariable = Static<typeof envShape>;

const plainFields = ['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'status.hostIP'];

export function validateVolumes(volumes: readonly Volume[], path: string): Cause[] {
  const seen = new Set<string>();
  return volumes.flatMap((volume, index) => {
    const field = `${path}[${index}]`;
    const causes = validateSource(volume, field);
    const problem = dnsLabelError(volume.name);
    if (problem) causes.push({ field: `${field}.name`, message: problem });
    else if (seen.has(volume.name))
      causes.push({ field: `${field}.name`, message: `Duplicate value: ${JSON.stringify(volume.name)}` });
    seen.add(volume.name);
    return causes;
  });
}

function validateSource({ name: _name, ...sources }: Volume, path: string): Cause[] {
  const given = Object.values(sources).filter((source) => source !== undefined).length;
  if (given !== 1)
    return [
      {
        field: path,
        message: `must have exactly one source, has ${given}`,
        reason: given === 0 ? 'FieldValueRequired' : 'FieldValueInvalid',
      },
    ];
  const { emptyDir, hostPath } = sources;
  if (emptyDir?.sizeLimit !== undefined && parseQuantity(emptyDir.sizeLimit).nano <= 0n)
    return [{ field: `${path}.emptyDir.sizeLimit`, message: 'must be more than 0' }];
  if (hostPath && !isPlainPath(hostPath.path))
    return [{ field: `${path}.hostPath.path`, message: 'must be an absolute path without ..' }];
  return [];
}

interface MountingContainer {
  volumeMounts?: VolumeMount[];
  env?: EnvVariable[];
}

/** The mounts and the variables of one container; `volumes` are those of its task. */
export function validateContainerFiles(
  { volumeMounts = [], env = [] }: MountingContainer,
  volumes: readonly Volume[],
  path: string,
): Cause[] {
  const names = new Set(volumes.map(({ name }) => name));
  const taken = new Set<string>();
  const causes = volumeMounts.flatMap((mount, index) => {
    const found = validateMount(mount, names, `${path}.volumeMounts[${index}]`);
    if (taken.has(mount.mountPath))
      found.push({ field: `${path}.volumeMounts[${index}].mountPath`, message: 'is mounted twice' });
    taken.add(mount.mountPath);
    return found;
  });
  return [
    ...causes,
    ...env.flatMap((variable, index) => validateVariable(variable, `${path}.env[${index}]`)),
  ];
}

function validateMount(
  { name, mountPath, subPath }: VolumeMount,
  volumes: ReadonlySet<string>,
  path: string,
): Cause[] {
  const causes: Cause[] = [];
  if (!volumes.has(name))
    causes.push({ field: `${path}.name`, message: `the task has no volume named ${name}` });
  if (!isPlainPath(mountPath))
    causes.push({
      field: `${path}.mountPath`,
      message: 'must be an absolute path without .., and not / itself',
    });
  else if (/^\/(proc|sys)(\/|$)/.test(mountPath))
    causes.push({
      field: `${path}.mountPath`,
      message: 'must not hide what the kernel shows in /proc and /sys',
    });
  if (subPath !== undefined && (subPath === '' || !isPlainPath(`/${subPath}`) || subPath.startsWith('/')))
    causes.push({ field: `${path}.subPath`, message: 'must be a relative path without ..' });
  return causes;
}

function validateVariable({ value, valueFrom }: EnvVariable, path: string): Cause[] {
  if (!valueFrom) return [];
  const given = Object.values(valueFrom).filter((source) => source !== undefined).length;
  if (given !== 1)
    return [{ field: `${path}.valueFrom`, message: `must have exactly one source, has ${given}` }];
  if (value !== '') return [{ field: `${path}.valueFrom`, message: 'must not be set together with a value' }];
  const { fieldRef } = valueFrom;
  if (fieldRef && !isKnownField(fieldRef.fieldPath))
    return [
      {
        field: `${path}.valueFrom.fieldRef.fieldPath`,
        message: `${JSON.stringify(fieldRef.fieldPath)} is not one of ${plainFields.join(', ')}, metadata.labels['…'], metadata.annotations['…']`,
      },
    ];
  return [];
}

function isKnownField(fieldPath: string): boolean {
  const key = /^metadata\.(?:labels|annotations)\['([^']+)'\]$/.exec(fieldPath)?.[1];
  return key === undefined ? plainFields.includes(fieldPath) : qualifiedNameError(key) === undefined;
}

/** Absolute, not the root, short enough, and with nothing in it that could lead elsewhere. */
export function isPlainPath(path: string): boolean {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return /^\/[^\0]{1,4095}$/.test(path) && parts.length > 0 && !parts.includes('..');
}
