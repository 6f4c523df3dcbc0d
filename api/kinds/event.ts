/** Event (core/v1): something that happened to an object, for people. Kept for an hour. */
import type { Static } from 'typebox';
import Type from 'typebox';
import type { FieldRequirement } from '../meta/field-selector.ts';
import { defineKind } from './define-kind.ts';
import { names, storedReference } from './names.ts';
import { closedObject, count, objectShape, optional, text, withDefault } from './shapes.ts';

const referenceShape = closedObject({
  apiVersion: optional(Type.String()),
  kind: optional(Type.String()),
  namespace: optional(Type.String()),
  name: optional(Type.String()),
  uid: optional(Type.String()),
  resourceVersion: optional(Type.String()),
  fieldPath: optional(Type.String()),
});

const nullableTime = (description: string) =>
  Type.Unsafe<string>({ anyOf: [{ type: 'string' }, { type: 'null' }], description });

const eventShape = objectShape(
  names.Event,
  {
    involvedObject: withDefault(referenceShape, {}),
    related: optional(referenceShape),
    reason: optional(text('One CamelCase word.')),
    message: optional(text('For people.', { maxLength: 4096 })),
    type: optional(text('Normal or Warning.')),
    source: optional(closedObject({ component: optional(Type.String()), host: optional(Type.String()) })),
    count: optional(count('How often it happened.')),
    firstTimestamp: optional(nullableTime('When first.')),
    lastTimestamp: optional(nullableTime('When last.')),
    eventTime: optional(nullableTime('When; microseconds.')),
    reportingComponent: optional(Type.String()),
    reportingInstance: optional(Type.String()),
    action: optional(Type.String()),
    series: optional(
      closedObject({
        count: optional(Type.Integer()),
        lastObservedTime: optional(nullableTime('When last.')),
      }),
    ),
  },
  'Something that happened to an object.',
);

export type Event = Static<typeof eventShape>;
export type ObjectReference = Static<typeof referenceShape>;

export const eventKind = defineKind<Event>({
  ...names.Event,
  description: 'Something that happened to an object.',
  schema: eventShape,
  statusSubresource: false,
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject.kind,
    'involvedObject.namespace': ({ involvedObject }) => involvedObject.namespace,
    'involvedObject.name': ({ involvedObject }) => involvedObject.name,
    'involvedObject.uid': ({ involvedObject }) => involvedObject.uid,
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject.apiVersion,
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject.resourceVersion,
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject.fieldPath,
    reason: ({ reason }) => reason,
    type: ({ type }) => type,
    source: ({ source }) => source?.component,
    reportingComponent: ({ reportingComponent }) => reportingComponent,
  },
  columns: [
    {
      name: 'Last Seen',
      type: 'date',
      description: 'When last.',
      cell: ({ lastTimestamp, metadata }) => lastTimestamp ?? metadata.creationTimestamp,
    },
    { name: 'Type', type: 'string', description: 'Normal or Warning.', cell: ({ type }) => type },
    { name: 'Reason', type: 'string', description: 'One word.', cell: ({ reason }) => reason },
    {
      name: 'Object',
      type: 'string',
      description: 'What it happened to.',
      cell: ({ involvedObject: { kind = '', name = '' } }) => `${kind.toLowerCase()}/${name}`,
    },
    {
      name: 'Message',
      type: 'string',
      description: 'What happened.',
      cell: ({ message }) => message?.trim(),
    },
    {
      name: 'Source',
      type: 'string',
      priority: 1,
      description: 'Who says so.',
      cell: ({ source }) => source?.component ?? '',
    },
    {
      name: 'First Seen',
      type: 'date',
      priority: 1,
      description: 'When first.',
      cell: ({ firstTimestamp }) => firstTimestamp,
    },
    {
      name: 'Count',
      type: 'integer',
      priority: 1,
      description: 'How often.',
      cell: (event) => event.count ?? 1,
    },
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      priority: 1,
      description: 'Name of the event.',
      cell: ({ metadata }) => metadata.name,
    },
  ],
  readSelector: aboutStored,
  strategy: {
    ttlSeconds: 3600,
    applyDefaults: (event) => {
      event.involvedObject = storedReference(event.involvedObject);
    },
  },
});

/** Whoever asks for the events of a Pod means those of the task. */
function aboutStored(requirements: readonly FieldRequirement[]): readonly FieldRequirement[] {
  const asked = (name: string) =>
    requirements.find(({ field, equal }) => equal && field === `involvedObject.${name}`);
  const [kind, apiVersion] = [asked('kind'), asked('apiVersion')];
  if (!kind) return requirements;
  const stored = storedReference({
    kind: kind.value,
    ...(apiVersion ? { apiVersion: apiVersion.value } : {}),
  });
  return requirements.map((requirement) => {
    if (requirement === kind) return { ...kind, value: stored.kind };
    return requirement === apiVersion ? { ...apiVersion, value: stored.apiVersion ?? '' } : requirement;
  });
}
