/**
 * Which ConfigMaps and Secrets a task needs, by name, in its own namespace. One definition for the agent,
 * which reads them, and for the API server, which lets a node read no others. And which claims it mounts.
 */
import type { Task } from './task.ts';
import type { TemplateSpec } from './task-spec.ts';

export interface TaskReferences {
  configMaps: Set<string>;
  secrets: Set<string>;
}

export function taskReferences({
  containers,
  initContainers = [],
  ephemeralContainers = [],
  imagePullSecrets = [],
  volumes = [],
}: Pick<TemplateSpec, 'containers' | 'initContainers' | 'imagePullSecrets' | 'volumes'> & {
  ephemeralContainers?: TemplateSpec['containers'];
}): TaskReferences {
  const configMaps: (string | undefined)[] = volumes.map(({ configMap }) => configMap?.name);
  const secrets: (string | undefined)[] = [
    ...volumes.map(({ secret }) => secret?.secretName),
    ...imagePullSecrets.map(({ name }) => name),
  ];
  for (const { configMap, secret } of volumes.flatMap(({ projected }) => projected?.sources ?? [])) {
    configMaps.push(configMap?.name);
    secrets.push(secret?.name);
  }
  for (const { env = [], envFrom = [] } of [...containers, ...initContainers, ...ephemeralContainers]) {
    for (const { valueFrom } of env) {
      configMaps.push(valueFrom?.configMapKeyRef?.name);
      secrets.push(valueFrom?.secretKeyRef?.name);
    }
    for (const { configMapRef, secretRef } of envFrom) {
      configMaps.push(configMapRef?.name);
      secrets.push(secretRef?.name);
    }
  }
  const given = (names: readonly (string | undefined)[]): Set<string> =>
    new Set(names.filter((name) => name !== undefined));
  return { configMaps: given(configMaps), secrets: given(secrets) };
}

/** `namespace/name` of the claims a task mounts. */
export function claimKeysOf({ metadata, spec }: Task): string[] {
  const claims = (spec.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  );
  return [...new Set(claims)].map((name) => `${metadata.namespace}/${name}`);
}
