/**
 * Files and variables a task gets from outside its images: volumes, where containers mount them, and
 * environment variables that tell of the task itself.
 */
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { configKeyError, dnsLabelError, dnsSubdomainError } from '../meta/names.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { closedObject, count, flag, list, oneOf, optional, quantity, text, withDefault } from './shapes.ts';
import {
  type DownwardItem,
  downwardItemsShape,
  fieldRefShape,
  resourceFieldRefShape,
  validateDownwardItems,
  validateFieldRef,
  validateResourceFieldRef,
} from './task-downward.ts';

const fileMode = (description: string) => count(description, { maximum: 0o777 });

const itemsField = {
  items: optional(
    list(
      closedObject({
        key: text('Key of the data.'),
        path: text('Relative path of its file.'),
        mode: optional(fileMode('Permissions of the file; default is defaultMode.')),
      }),
      'Which keys, and where; default is every key under its own name.',
    ),
  ),
};
const modeField = { defaultMode: withDefault(fileMode('Permissions of the files.'), 0o644) };
const optionalField = { optional: optional(flag('Whether the task runs without it.')) };
const projectionFields = { ...itemsField, ...modeField, ...optionalField };

const projectedObject = (description: string) =>
  optional(closedObject({ name: text('Its name.'), ...itemsField, ...optionalField }, { description }));

const projectedSourceShape = closedObject({
  configMap: projectedObject('A file for every key of a ConfigMap.'),
  secret: projectedObject('A file for every key of a Secret.'),
  downwardAPI: optional(
    closedObject(
      { items: optional(downwardItemsShape) },
      { description: 'What the task is told of itself.' },
    ),
  ),
  serviceAccountToken: optional(
    closedObject(
      {
        path: text('Relative path of the file.'),
        audience: optional(text('Whom it is for; default is the API server.')),
        expirationSeconds: withDefault(
          count('How long it is good; it is replaced long before.', {
            minimum: 600,
            maximum: 365 * 24 * 3600,
          }),
          3600,
        ),
      },
      { description: "A token of the task's service account, good as long as the task is there." },
    ),
  ),
});

export const volumeShape = closedObject({
  name: text('Unique among the volumes of the task, a DNS label.'),
  emptyDir: optional(
    closedObject(
      {
        medium: optional(oneOf(['', 'Memory'], 'Memory: a tmpfs, counted as memory of who writes it.')),
        sizeLimit: optional(quantity('How much fits in; a task that has more in it on disk is evicted.')),
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
  configMap: optional(
    closedObject(
      { name: text('Name of the ConfigMap.'), ...projectionFields },
      { description: 'A file for every key of a ConfigMap, following its changes; read-only.' },
    ),
  ),
  secret: optional(
    closedObject(
      { secretName: text('Name of the Secret.'), ...projectionFields },
      { description: 'A file for every key of a Secret, in memory only, following its changes; read-only.' },
    ),
  ),
  downwardAPI: optional(
    closedObject(
      { items: optional(downwardItemsShape), ...modeField },
      { description: 'Files that tell of the task itself, following its changes; read-only.' },
    ),
  ),
  persistentVolumeClaim: optional(
    closedObject(
      {
        claimName: text('Name of the claim, in the same namespace.'),
        readOnly: optional(flag('Whether no container can write.')),
      },
      { description: 'A volume that outlives the task; the task goes where it is.' },
    ),
  ),
  projected: optional(
    closedObject(
      {
        sources: list(projectedSourceShape, 'What is in it; the last wins.', { maxItems: 100 }),
        ...modeField,
      },
      { description: 'Several sources in one directory; read-only.' },
    ),
  ),
});

export const volumeMountShape = closedObject({
  name: text('Name of the volume.'),
  mountPath: text('Absolute path in the container.'),
  readOnly: withDefault(flag('Whether the container cannot write.'), false),
  subPath: optional(text('Path within the volume; symbolic links in it are refused.')),
});

const keyRefShape = (description: string) =>
  closedObject(
    {
      name: text('Name of the object.'),
      key: text('Key of its data.'),
      optional: optional(flag('Whether the task runs without it.')),
    },
    { description },
  );

const objectRefShape = (description: string) =>
  closedObject(
    { name: text('Name of the object.'), optional: optional(flag('Whether the task runs without it.')) },
    { description },
  );

export const envFromShape = closedObject({
  prefix: optional(text('Stands before every name.')),
  configMapRef: optional(objectRefShape('Every key of a ConfigMap.')),
  secretRef: optional(objectRefShape('Every key of a Secret.')),
});

export const envShape = closedObject({
  name: text('Name of the variable.'),
  value: withDefault(text('Its value.'), ''),
  valueFrom: optional(
    closedObject(
      {
        fieldRef: optional(fieldRefShape),
        configMapKeyRef: optional(keyRefShape('A key of a ConfigMap.')),
        secretKeyRef: optional(keyRefShape('A key of a Secret.')),
        resourceFieldRef: optional(resourceFieldRefShape),
      },
      { description: 'Where the value is taken from.' },
    ),
  ),
});

export type Volume = Static<typeof volumeShape>;
export type ProjectedSource = Static<typeof projectedSourceShape>;
export type VolumeMount = Static<typeof volumeMountShape>;
export type EnvSource = Static<typeof envFromShape>;
export type Projection = Omit<NonNullable<Volume['configMap']>, 'name'>;
export type EnvVariable = Static<typeof envShape>;

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
  const { emptyDir, hostPath, configMap, secret, downwardAPI, projected, persistentVolumeClaim } = sources;
  if (persistentVolumeClaim)
    return objectNameCauses(persistentVolumeClaim.claimName, `${path}.persistentVolumeClaim.claimName`);
  if (downwardAPI) return validateDownward(downwardAPI.items ?? [], `${path}.downwardAPI.items`);
  if (projected)
    return projected.sources.flatMap((source, index) =>
      validateProjectedSource(source, `${path}.projected.sources[${index}]`),
    );
  if (configMap)
    return validateProjection(configMap, configMap.name, { path: `${path}.configMap`, field: 'name' });
  if (secret)
    return validateProjection(secret, secret.secretName, { path: `${path}.secret`, field: 'secretName' });
  if (emptyDir?.sizeLimit !== undefined && parseQuantity(emptyDir.sizeLimit).nano <= 0n)
    return [{ field: `${path}.emptyDir.sizeLimit`, message: 'must be more than 0' }];
  if (hostPath && !isPlainPath(hostPath.path))
    return [{ field: `${path}.hostPath.path`, message: 'must be an absolute path without ..' }];
  return [];
}

function validateProjectedSource(source: ProjectedSource, path: string): Cause[] {
  const given = Object.values(source).filter((each) => each !== undefined).length;
  if (given !== 1) return [{ field: path, message: `must have exactly one source, has ${given}` }];
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (serviceAccountToken) return pathCauses(serviceAccountToken.path, `${path}.serviceAccountToken.path`);
  if (downwardAPI) return validateDownward(downwardAPI.items ?? [], `${path}.downwardAPI.items`);
  const at = `${path}.${configMap ? 'configMap' : 'secret'}`;
  const object = configMap ?? secret;
  return object ? validateProjection(object, object.name, { path: at, field: 'name' }) : [];
}

function validateDownward(items: readonly DownwardItem[], path: string): Cause[] {
  const paths = items.flatMap((item, index) => pathCauses(item.path, `${path}[${index}].path`));
  return [...paths, ...validateDownwardItems(items, path)];
}

/** Names that begin with two dots are the agent's own: it swaps the content by them. */
function pathCauses(path: string, field: string): Cause[] {
  const isPlain = isPlainPath(`/${path}`) && !path.startsWith('/') && !path.startsWith('..');
  return isPlain ? [] : [{ field, message: 'must be a relative path without ..' }];
}

function validateProjection(
  { items = [] }: Pick<Projection, 'items'>,
  name: string,
  { path, field }: { path: string; field: string },
): Cause[] {
  const problem = dnsSubdomainError(name);
  const causes: Cause[] = problem ? [{ field: `${path}.${field}`, message: problem }] : [];
  const taken = new Set<string>();
  for (const [index, item] of items.entries()) {
    const at = `${path}.items[${index}]`;
    const keyProblem = configKeyError(item.key);
    if (keyProblem) causes.push({ field: `${at}.key`, message: keyProblem });
    const pathProblems = pathCauses(item.path, `${at}.path`);
    if (pathProblems.length > 0) causes.push(...pathProblems);
    else if (taken.has(item.path)) causes.push({ field: `${at}.path`, message: 'is used twice' });
    taken.add(item.path);
  }
  return causes;
}

interface MountingContainer {
  envFrom?: EnvSource[];
  volumeMounts?: VolumeMount[];
  env?: EnvVariable[];
}

/** The mounts and the variables of one container; `volumes` are those of its task. */
export function validateContainerFiles(
  { volumeMounts = [], env = [], envFrom = [] }: MountingContainer,
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
    ...envFrom.flatMap((source, index) => validateEnvSource(source, `${path}.envFrom[${index}]`)),
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

function validateEnvSource({ prefix = '', configMapRef, secretRef }: EnvSource, path: string): Cause[] {
  const given = [configMapRef, secretRef].filter((ref) => ref !== undefined);
  if (given.length !== 1)
    return [
      { field: path, message: `must have exactly one of configMapRef and secretRef, has ${given.length}` },
    ];
  if (prefix !== '' && !/^[A-Za-z_.-][A-Za-z0-9_.-]*$/.test(prefix))
    return [{ field: `${path}.prefix`, message: 'cannot begin the name of a variable' }];
  return objectNameCauses(
    given[0]?.name ?? '',
    `${path}.${configMapRef ? 'configMapRef' : 'secretRef'}.name`,
  );
}

function objectNameCauses(name: string, field: string): Cause[] {
  const problem = dnsSubdomainError(name);
  return problem ? [{ field, message: problem }] : [];
}

function validateVariable({ value, valueFrom }: EnvVariable, path: string): Cause[] {
  if (!valueFrom) return [];
  const given = Object.values(valueFrom).filter((source) => source !== undefined).length;
  if (given !== 1)
    return [{ field: `${path}.valueFrom`, message: `must have exactly one source, has ${given}` }];
  if (value !== '') return [{ field: `${path}.valueFrom`, message: 'must not be set together with a value' }];
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  const keyRef = configMapKeyRef ?? secretKeyRef;
  if (keyRef) {
    const at = `${path}.valueFrom.${configMapKeyRef ? 'configMapKeyRef' : 'secretKeyRef'}`;
    const problem = configKeyError(keyRef.key);
    return [
      ...objectNameCauses(keyRef.name, `${at}.name`),
      ...(problem ? [{ field: `${at}.key`, message: problem }] : []),
    ];
  }
  if (fieldRef) return validateFieldRef(fieldRef, `${path}.valueFrom.fieldRef`);
  return resourceFieldRef
    ? validateResourceFieldRef(resourceFieldRef, `${path}.valueFrom.resourceFieldRef`)
    : [];
}

/** Absolute, not the root, short enough, and with nothing in it that could lead elsewhere. */
export function isPlainPath(path: string): boolean {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return /^\/[^\0]{1,4095}$/.test(path) && parts.length > 0 && !parts.includes('..');
}
