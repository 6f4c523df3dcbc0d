/**
 * What a task may be told of itself (Kubernetes' downward API): fields of it, and the resources of its containers,
 * as variables or as files.
 */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { qualifiedNameError } from '../meta/names.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { closedObject, list, optional, quantity, text } from './shapes.ts';

export const fieldRefShape = closedObject(
  {
    apiVersion: optional(text('Not used.')),
    fieldPath: text(
      "metadata.name, metadata.namespace, metadata.uid, metadata.labels['…'], metadata.annotations['…'], spec.nodeName, spec.serviceAccountName, status.hostIP, status.hostIPs, status.podIP or status.podIPs; in files also metadata.labels and metadata.annotations.",
    ),
  },
  { description: 'A field of the task.' },
);

export const resourceFieldRefShape = closedObject(
  {
    containerName: optional(text('Whose; in a variable by default its own container.')),
    resource: text('requests.cpu, limits.cpu, the same of memory or ephemeral-storage.'),
    divisor: optional(quantity('Unit of the value, which is rounded up; default is 1.')),
  },
  { description: "A resource of a container; a limit that is not set is the node's own." },
);

export const downwardItemsShape = list(
  closedObject({
    path: text('Relative path of the file.'),
    fieldRef: optional(fieldRefShape),
    resourceFieldRef: optional(resourceFieldRefShape),
    mode: optional(Type.Integer({ minimum: 0, maximum: 0o777, description: 'Permissions of the file.' })),
  }),
  'The files, and what is in them.',
);

export type FieldRef = Static<typeof fieldRefShape>;
export type ResourceFieldRef = Static<typeof resourceFieldRefShape>;
export type DownwardItem = Static<typeof downwardItemsShape>[number];

const plainFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const wholeMaps = ['metadata.labels', 'metadata.annotations'];
const resources = ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [
  `requests.${name}`,
  `limits.${name}`,
]);

export function validateFieldRef(
  { fieldPath }: FieldRef,
  path: string,
  { inFile = false }: { inFile?: boolean } = {},
): Cause[] {
  const key = /^metadata\.(?:labels|annotations)\['([^']+)'\]$/.exec(fieldPath)?.[1];
  const isKnown = key === undefined ? plainFields.includes(fieldPath) : qualifiedNameError(key) === undefined;
  if (isKnown || (inFile && wholeMaps.includes(fieldPath))) return [];
  const all = [...plainFields, ...(inFile ? wholeMaps : [])].join(', ');
  const message = `${JSON.stringify(fieldPath)} is not one of ${all}, metadata.labels['…'], metadata.annotations['…']`;
  return [{ field: `${path}.fieldPath`, message }];
}

export function validateResourceFieldRef(
  { resource, divisor, containerName }: ResourceFieldRef,
  path: string,
  { inFile = false }: { inFile?: boolean } = {},
): Cause[] {
  const causes: Cause[] = [];
  if (!resources.includes(resource))
    causes.push({ field: `${path}.resource`, message: `must be one of ${resources.join(', ')}` });
  if (divisor !== undefined && parseQuantity(divisor).nano <= 0n)
    causes.push({ field: `${path}.divisor`, message: 'must be more than 0' });
  if (inFile && containerName === undefined)
    causes.push({
      field: `${path}.containerName`,
      message: 'must be said: a volume belongs to no container',
      reason: 'FieldValueRequired',
    });
  return causes;
}

/** One source for each file. Paths are the caller's to check. */
export function validateDownwardItems(items: readonly DownwardItem[], path: string): Cause[] {
  return items.flatMap(({ fieldRef, resourceFieldRef }, index): Cause[] => {
    const at = `${path}[${index}]`;
    if ((fieldRef === undefined) === (resourceFieldRef === undefined))
      return [{ field: at, message: 'must have exactly one of fieldRef and resourceFieldRef' }];
    return fieldRef
      ? validateFieldRef(fieldRef, `${at}.fieldRef`, { inFile: true })
      : validateResourceFieldRef(resourceFieldRef!, `${at}.resourceFieldRef`, { inFile: true });
  });
}
