/**
 * Request bodies in Kubernetes' protobuf: kubectl 1.32 and later send them for the kinds compiled into it
 * and do not fall back to JSON. They become JSON here, at the edge; nothing behind it knows protobuf.
 *
 * A body is `k8s\0` and a runtime.Unknown around the object. Field numbers are those of Kubernetes'
 * generated.proto files; only kinds that kubectl writes in this way have a table.
 */
import { ApiError } from '../meta/api-error.ts';
import { timestamp } from '../meta/object-meta.ts';
import type { JsonObject } from './json-schema.ts';
import { type ReadField, readMessage } from './protobuf.ts';

export const protobufMediaType = 'application/vnd.kubernetes.protobuf';

type Scalar = 'text' | 'bytes' | 'integer' | 'flag' | 'time' | 'intOrText';
type FieldType = Scalar | { message: MessageTable } | { map: 'text' | 'bytes' };

/** Field number → JSON name and type; `list` for repeated fields. */
interface MessageTable {
  [number: number]: readonly [name: string, type: FieldType, list?: 'list'];
}

const ownerReference: MessageTable = {
  1: ['kind', 'text'],
  3: ['name', 'text'],
  4: ['uid', 'text'],
  5: ['apiVersion', 'text'],
  6: ['controller', 'flag'],
  7: ['blockOwnerDeletion', 'flag'],
};

const objectMeta: MessageTable = {
  1: ['name', 'text'],
  2: ['generateName', 'text'],
  3: ['namespace', 'text'],
  5: ['uid', 'text'],
  6: ['resourceVersion', 'text'],
  8: ['creationTimestamp', 'time'],
  11: ['labels', { map: 'text' }],
  12: ['annotations', { map: 'text' }],
  13: ['ownerReferences', { message: ownerReference }, 'list'],
  14: ['finalizers', 'text', 'list'],
};

const metadata = ['metadata', { message: objectMeta }] as const;

const resourceAttributes: MessageTable = {
  1: ['namespace', 'text'],
  2: ['verb', 'text'],
  3: ['group', 'text'],
  4: ['version', 'text'],
  5: ['resource', 'text'],
  6: ['subresource', 'text'],
  7: ['name', 'text'],
};

const accessReviewSpec: MessageTable = {
  1: ['resourceAttributes', { message: resourceAttributes }],
  2: ['nonResourceAttributes', { message: { 1: ['path', 'text'], 2: ['verb', 'text'] } }],
};

const servicePort: MessageTable = {
  1: ['name', 'text'],
  2: ['protocol', 'text'],
  3: ['port', 'integer'],
  4: ['targetPort', 'intOrText'],
  6: ['appProtocol', 'text'],
};

const serviceSpec: MessageTable = {
  1: ['ports', { message: servicePort }, 'list'],
  2: ['selector', { map: 'text' }],
  3: ['clusterIP', 'text'],
  4: ['type', 'text'],
  7: ['sessionAffinity', 'text'],
  10: ['externalName', 'text'],
  13: ['publishNotReadyAddresses', 'flag'],
  18: ['clusterIPs', 'text', 'list'],
  17: ['ipFamilyPolicy', 'text'],
  19: ['ipFamilies', 'text', 'list'],
  22: ['internalTrafficPolicy', 'text'],
};

const deleteOptions: MessageTable = {
  1: ['gracePeriodSeconds', 'integer'],
  2: ['preconditions', { message: { 1: ['uid', 'text'], 2: ['resourceVersion', 'text'] } }],
  4: ['propagationPolicy', 'text'],
  5: ['dryRun', 'text', 'list'],
};

const tokenRequestSpec: MessageTable = {
  1: ['audiences', 'text', 'list'],
  3: ['boundObjectRef', { message: { 1: ['kind', 'text'], 2: ['apiVersion', 'text'], 3: ['name', 'text'] } }],
  4: ['expirationSeconds', 'integer'],
};

const tables: Record<string, MessageTable> = {
  'v1 Service': { 1: metadata, 2: ['spec', { message: serviceSpec }] },
  'v1 Namespace': { 1: metadata, 2: ['spec', { message: { 1: ['finalizers', 'text', 'list'] } }] },
  'v1 ConfigMap': {
    1: metadata,
    2: ['data', { map: 'text' }],
    3: ['binaryData', { map: 'bytes' }],
    4: ['immutable', 'flag'],
  },
  'v1 Secret': {
    1: metadata,
    2: ['data', { map: 'bytes' }],
    3: ['type', 'text'],
    4: ['stringData', { map: 'text' }],
    5: ['immutable', 'flag'],
  },
  'policy/v1 Eviction': { 1: metadata, 2: ['deleteOptions', { message: deleteOptions }] },
  'v1 ServiceAccount': {
    1: metadata,
    2: ['secrets', { message: { 3: ['name', 'text'] } }, 'list'],
    3: ['imagePullSecrets', { message: { 1: ['name', 'text'] } }, 'list'],
    4: ['automountServiceAccountToken', 'flag'],
  },
  'authentication.k8s.io/v1 TokenRequest': { 2: ['spec', { message: tokenRequestSpec }] },
  'scheduling.k8s.io/v1 PriorityClass': {
    1: metadata,
    2: ['value', 'integer'],
    3: ['globalDefault', 'flag'],
    4: ['description', 'text'],
    5: ['preemptionPolicy', 'text'],
  },
  'authorization.k8s.io/v1 SelfSubjectAccessReview': { 2: ['spec', { message: accessReviewSpec }] },
  'authorization.k8s.io/v1 SelfSubjectRulesReview': {
    2: ['spec', { message: { 1: ['namespace', 'text'] } }],
  },
  'authentication.k8s.io/v1 SelfSubjectReview': {},
};

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
  const name = `${apiVersion} ${kind}`;
  const table = Object.hasOwn(tables, name) ? tables[name] : undefined;
  if (!table) {
    throw new ApiError(
      'UnsupportedMediaType',
      `a ${name.slice(0, 200)} cannot be sent as ${protobufMediaType} - accepted media types include: application/json`,
    );
  }
  return { apiVersion, kind, ...objectFrom(table, bytesAt(envelope, 2)) };
}

function bytesAt(fields: readonly ReadField[], number: number): Buffer {
  const value = fields.find((field) => field.number === number)?.value;
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

function objectFrom(table: MessageTable, bytes: Buffer): JsonObject {
  const object: JsonObject = {};
  for (const { number, value } of readMessage(bytes)) {
    const [name, type, list] = table[number] ?? [];
    if (name === undefined || type === undefined) continue;
    if (typeof type === 'object' && 'map' in type) addEntry(object, name, mapEntry(type.map, value));
    else if (list)
      object[name] = [...((object[name] as unknown[] | undefined) ?? []), jsonValue(type, value)];
    else {
      const json = jsonValue(type, value);
      // Go writes unset text as '' and an unset time as an empty message.
      if (json !== undefined && json !== '') object[name] = json;
    }
  }
  return object;
}

function jsonValue(type: Exclude<FieldType, { map: string }>, value: bigint | Buffer): unknown {
  if (typeof type === 'object') return objectFrom(type.message, requireBytes(value));
  switch (type) {
    case 'text':
      return textOf(requireBytes(value));
    case 'bytes':
      return requireBytes(value).toString('base64');
    case 'flag':
      return value === 1n;
    case 'integer':
      return Number(value);
    case 'time':
      return timeOf(requireBytes(value));
    case 'intOrText':
      return intOrTextOf(requireBytes(value));
  }
}

function mapEntry(type: 'text' | 'bytes', value: bigint | Buffer): [string, unknown] {
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

/** Timestamp {1 seconds, 2 nanos}. */
function timeOf(bytes: Buffer): string | undefined {
  const seconds = readMessage(bytes).find(({ number }) => number === 1)?.value;
  if (typeof seconds !== 'bigint' || seconds <= 0n || seconds > 253_402_300_799n) return undefined;
  return timestamp(Number(seconds) * 1000);
}
