/**
 * Containers added to a task that runs, to look at it (kubectl debug): they come through the subresource
 * `ephemeralcontainers` alone, are never started again, and keep nothing waiting.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { closedObject, optional, text } from './shapes.ts';
import { containerShape, duplicates, validateContainer } from './task-container.ts';
import type { TemplateSpec } from './task-spec.ts';
import { validateContainerFiles } from './task-volumes.ts';

export const ephemeralContainerShape = closedObject({
  ...containerShape.properties,
  targetContainerName: optional(text('Container whose processes it sees.')),
});

export type EphemeralContainer = Static<typeof ephemeralContainerShape>;

type DebuggedSpec = Pick<TemplateSpec, 'containers' | 'initContainers' | 'volumes'> & {
  ephemeralContainers?: EphemeralContainer[];
};

/** What such a container cannot have: it is no part of what the task promises. */
const foreignFields = [
  'ports',
  'startupProbe',
  'livenessProbe',
  'readinessProbe',
  'lifecycle',
  'resizePolicy',
] as const;

export function validateEphemeral(spec: DebuggedSpec): Cause[] {
  const { containers, initContainers = [], ephemeralContainers = [], volumes = [] } = spec;
  const others = [...containers, ...initContainers].map(({ name }) => name);
  const names = ephemeralContainers.map(({ name }) => name);
  const path = 'spec.ephemeralContainers';
  return [
    ...duplicates(names, path, 'name'),
    ...ephemeralContainers.flatMap((container, index) => {
      const at = `${path}[${index}]`;
      return [
        ...validateContainer(container, at),
        ...validateContainerFiles(container, volumes, at),
        ...foreignCauses(container, at),
        ...nameCauses(container, others, at),
      ];
    }),
  ];
}

function foreignCauses(container: EphemeralContainer, path: string): Cause[] {
  const fields: string[] = foreignFields.filter((field) => container[field] !== undefined);
  if (Object.keys(container.resources).length > 0) fields.push('resources');
  return fields.map((field) => ({
    field: `${path}.${field}`,
    message: 'cannot be set for an ephemeral container',
    reason: 'FieldValueForbidden',
  }));
}

function nameCauses(
  { name, targetContainerName }: EphemeralContainer,
  others: readonly string[],
  path: string,
): Cause[] {
  if (others.includes(name))
    return [{ field: `${path}.name`, message: `Duplicate value: ${JSON.stringify(name)}` }];
  if (targetContainerName === undefined || others.includes(targetContainerName)) return [];
  return [
    {
      field: `${path}.targetContainerName`,
      message: `Not found: ${JSON.stringify(targetContainerName)}`,
      reason: 'FieldValueInvalid',
    },
  ];
}

/** Those that are there stay as they are. */
export function ephemeralChangeCauses(
  next: readonly EphemeralContainer[] = [],
  old: readonly EphemeralContainer[] = [],
): Cause[] {
  const isKept = old.every((container) => next.some((each) => isDeepStrictEqual(each, container)));
  if (isKept) return [];
  const message = 'existing ephemeral containers may not be removed or changed';
  return [{ field: 'spec.ephemeralContainers', message, reason: 'FieldValueForbidden' }];
}
