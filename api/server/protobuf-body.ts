/**
 * Request bodies in Kubernetes' protobuf: kubectl 1.32 and later, and controllers written in Go, send them for the
 * kinds compiled into them and do not fall back to JSON. They become JSON here, at the edge; nothing behind it knows
 * protobuf.
 *
 * A body is `k8s\0` and a runtime.Unknown around the object. What is in the messages says protobuf-messages.ts.
 * A field it does not have is refused: an object is read as it was sent, or not at all.
 */
import { ApiError } from '../meta/api-error.ts';
import { microTimestamp, timestamp } from '../meta/object-meta.ts';
import type { JsonObject } from './json-schema.ts';
import { type ReadField, readMessage } from './protobuf.ts';
import { type FieldRule, protobufSchema, type ScalarType } from './protobuf-schema.ts';

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

/** The kinds that are read, with the groups they may be said to be of. */
const rootKinds: Readonly<Record<string, readonly string[]>> = {
  v1: [
    'Pod',
    'Node',
    'Namespace',
    'Event',
    'Service',
    'ConfigMap',
    'Secret',
    'ServiceAccount',
    'PersistentVolumeClaim',
    'PersistentVolume',
  ],
  'coordination.k8s.io/v1': ['Lease'],
  'storage.k8s.io/v1': ['StorageClass'],
  'discovery.k8s.io/v1': ['EndpointSlice'],
  'policy/v1': ['Eviction', 'PodDisruptionBudget'],
  'scheduling.k8s.io/v1': ['PriorityClass'],
  'authentication.k8s.io/v1': ['TokenRequest', 'TokenReview', 'SelfSubjectReview'],
  'authorization.k8s.io/v1': ['SelfSubjectAccessReview', 'SelfSubjectRulesReview'],
};
/** Every group has it: a client says that of the object it deletes. */
const deleteOptions = 'DeleteOptions';

const schema = protobufSchema();
const magic = Buffer.from('k8s\0');

/** The body as the JSON object it stands for. Throws ApiError BadRequest or UnsupportedMediaType. */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, magic.length).equals(magic))
    throw new ApiError(
      'BadRequest',
      'the body of the request does not begin as a Kubernetes protobuf body does',
    );
  const envelope = readMessage(body.subarray(magic.length));
  const typeMeta = readMessage(bytesAt(envelope, 1));
  const apiVersion = textOf(bytesAt(typeMeta, 1));
  const kind = textOf(bytesAt(typeMeta, 2));
  const kinds = Object.hasOwn(rootKinds, apiVersion) ? rootKinds[apiVersion] : undefined;
  if (!kinds?.includes(kind) && kind !== deleteOptions) {
    throw new ApiError(
      'UnsupportedMediaType',
      `a ${apiVersion.slice(0, 200)} ${kind.slice(0, 200)} cannot be sent as ${protobufMediaType} - accepted media types include: application/json`,
    );
  }
  return { apiVersion, kind, ...objectFrom(kind, bytesAt(envelope, 2)) };
}

function bytesAt(fields: readonly ReadField[], number: number): Buffer {
  const value = fields.find((field) => field.number === number)?.value;
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

function objectFrom(message: string, bytes: Buffer): JsonObject {
  const object: JsonObject = {};
  for (const { number, value } of readMessage(bytes)) {
    const rule = schema.get(message)?.get(number);
    if (rule) addField(object, rule, value);
    // Go writes an empty message for a struct that says nothing.
    else if (value.toString() !== '') throw unknownField(message, number);
  }
  return object;
}

function unknownField(message: string, number: number): ApiError {
  return new ApiError(
    'BadRequest',
    `field ${number} of a ${message} is not supported as ${protobufMediaType}: send the object as JSON`,
  );
}

function addField(
  object: JsonObject,
  { name, type, form, isZeroUnset }: FieldRule,
  value: bigint | Buffer,
): void {
  if (form === 'ignored') return;
  if (form === 'map') {
    addEntry(object, name, mapEntry(type, value));
    return;
  }
  const json = jsonValue(type, value);
  if (form === 'inlined') Object.assign(object, json);
  else if (form === 'list') listAt(object, name).push(json);
  // Go writes unset text as '' and an unset time as an empty message.
  else if (json !== undefined && json !== '' && !(isZeroUnset && !json)) object[name] = json;
}

function listAt(object: JsonObject, name: string): unknown[] {
  object[name] ??= [];
  return object[name] as unknown[];
}

function jsonValue(type: string, value: bigint | Buffer): unknown {
  if (schema.has(type)) return objectFrom(type, requireBytes(value));
  switch (type as ScalarType) {
    case 'text':
      return textOf(requireBytes(value));
    case 'bytes':
      return requireBytes(value).toString('base64');
    case 'flag':
      return value === 1n;
    case 'number':
      return Number(value);
    case 'quantity':
      return textOf(bytesAt(readMessage(requireBytes(value)), 1));
    case 'time':
      return timeOf(requireBytes(value));
    case 'microTime':
      return microTimeOf(requireBytes(value));
    case 'intOrText':
      return intOrTextOf(requireBytes(value));
  }
}

function mapEntry(type: string, value: bigint | Buffer): [string, unknown] {
  const fields = readMessage(requireBytes(value));
  return [textOf(bytesAt(fields, 1)), jsonValue(type, bytesAt(fields, 2))];
}

function addEntry(object: JsonObject, name: string, [key, value]: [string, unknown]): void {
  if (key === '__proto__') throw new ApiError('BadRequest', `a field ${name}.__proto__ is not allowed`);
  const map = (object[name] ?? {}) as JsonObject;
  map[key] = value;
  object[name] = map;
}

function requireBytes(value: bigint | Buffer): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw new ApiError('BadRequest', 'the body of the request does not fit its kind');
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ApiError('BadRequest', 'the body of the request has text that is not UTF-8');
  }
}

/** IntOrString {1 type (0 the number, 1 the text), 2 number, 3 text}; undefined when unset. */
function intOrTextOf(bytes: Buffer): number | string | undefined {
  const fields = readMessage(bytes);
  const numberAt = (wanted: number): number =>
    Number(fields.find(({ number, value }) => number === wanted && typeof value === 'bigint')?.value ?? 0);
  const text = textOf(bytesAt(fields, 3));
  return (numberAt(1) === 1 ? text : numberAt(2)) || undefined;
}

/** Timestamp {1 seconds, 2 nanos} in milliseconds since 1970; undefined when unset. */
function epochMsOf(bytes: Buffer): number | undefined {
  const fields = readMessage(bytes);
  const seconds = fields.find(({ number }) => number === 1)?.value;
  const nanos = fields.find(({ number }) => number === 2)?.value;
  if (typeof seconds !== 'bigint' || seconds <= 0n || seconds > 253_402_300_799n) return undefined;
  return Number(seconds) * 1000 + (typeof nanos === 'bigint' ? Number(nanos % 1_000_000_000n) / 1e6 : 0);
}

function timeOf(bytes: Buffer): string | undefined {
  const epochMs = epochMsOf(bytes);
  return epochMs === undefined ? undefined : timestamp(epochMs);
}

function microTimeOf(bytes: Buffer): string | undefined {
  const epochMs = epochMsOf(bytes);
  return epochMs === undefined ? undefined : microTimestamp(epochMs);
}
