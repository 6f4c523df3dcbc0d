/** Variables whose values stand in ConfigMaps and Secrets. */

import type { Container } from '../../api/kinds/task-spec.ts';
import type { EnvVariable } from '../../api/kinds/task-volumes.ts';
import { environmentNameError } from '../../api/meta/names.ts';
import type { TaskVolumes } from '../volumes/task-volumes.ts';

type Configs = Pick<TaskVolumes, 'config'>;

/** Of `envFrom`; keys that cannot name a variable are left out. Throws an Error with what is missing. */
export async function variablesFrom(
  { envFrom = [] }: Container,
  configs: Configs,
): Promise<[string, string][]> {
  const all: [string, string][] = [];
  for (const { prefix = '', configMapRef, secretRef } of envFrom) {
    const data = secretRef
      ? await configs.config('secret', secretRef.name, secretRef.optional)
      : await configs.config('configMap', configMapRef?.name ?? '', configMapRef?.optional);
    for (const [key, value] of data)
      if (!environmentNameError(prefix + key)) all.push([prefix + key, textOf(prefix + key, value)]);
  }
  return all;
}

/** Undefined when it refers to no object, or to an optional one that is not there. */
export async function referredValue(
  { name, valueFrom }: EnvVariable,
  configs: Configs,
): Promise<string | undefined> {
  const { configMapKeyRef, secretKeyRef } = valueFrom ?? {};
  const reference = secretKeyRef ?? configMapKeyRef;
  if (!reference) return undefined;
  const kind = secretKeyRef ? 'secret' : 'configMap';
  const value = (await configs.config(kind, reference.name, reference.optional)).get(reference.key);
  if (value) return textOf(name, value);
  if (reference.optional) return undefined;
  throw new Error(
    `${kind.toLowerCase()} ${JSON.stringify(reference.name)} has no key ${JSON.stringify(reference.key)}`,
  );
}

function textOf(name: string, value: Buffer): string {
  if (value.includes(0)) throw new Error(`the value for ${name} has a NUL byte, which no variable can hold`);
  return value.toString();
}
