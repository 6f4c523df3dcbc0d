import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { message, type ProtobufField, readMessage } from '../../../api/server/protobuf.ts';
import { decodeProtobuf } from '../../../api/server/protobuf-body.ts';
import { protobufSchema } from '../../../api/server/protobuf-schema.ts';
import { reasonOf } from '../../reason-of.ts';

function body(apiVersion: string, kind: string, fields: ProtobufField[]): Buffer {
  const typeMeta = message([
    [1, apiVersion],
    [2, kind],
  ]);
  const unknown = message([
    [1, typeMeta],
    [2, message(fields)],
    [3, ''],
    [4, ''],
  ]);
  return Buffer.concat([Buffer.from('k8s\0'), unknown]);
}

const entry = (key: string, value: string): Buffer =>
  message([
    [1, key],
    [2, value],
  ]);

const number = (field: number, value: number): Buffer => Buffer.from([field << 3, value]);

test('every type of a field of a message is a scalar or a message', () => {
  const schema = protobufSchema();
  const scalars = ['text', 'bytes', 'number', 'flag', 'time', 'microTime', 'quantity', 'intOrText'];
  const types = [...schema.values()].flatMap((fields) =>
    [...fields.values()].filter(({ form }) => form !== 'ignored').map(({ type }) => type),
  );
  expect(types.filter((type) => !scalars.includes(type) && !schema.has(type))).toEqual([]);
});

test('a pod in protobuf is read whole; what Go writes for nothing said is absent', () => {
  const limits = message([
    [1, 'cpu'],
    [2, message([[1, '10m']])],
  ]);
  const grpcProbe = Buffer.concat([
    message([[1, message([[4, number(1, 80)]])]]),
    number(2, 0),
    number(4, 5),
  ]);
  const container = Buffer.concat([
    message([
      [1, 'main'],
      [6, Buffer.concat([number(2, 0), number(3, 80)])],
      [8, message([[1, limits]])],
      [10, grpcProbe],
      [15, number(2, 0)],
    ]),
    Buffer.from([0x90, 0x01, 0]),
  ]);
  const volume = message([
    [1, 'v'],
    [2, message([[19, message([[1, message([[1, 'c']])]])]])],
  ]);
  const spec = Buffer.concat([
    message([
      [1, volume],
      [2, container],
    ]),
    number(4, 0),
  ]);
  expect(
    decodeProtobuf(
      body('v1', 'Pod', [
        [2, spec],
        [3, ''],
      ]),
    ),
  ).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    spec: {
      volumes: [{ name: 'v', configMap: { name: 'c' } }],
      containers: [
        {
          name: 'main',
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: '10m' } },
          livenessProbe: { grpc: { port: 80 }, periodSeconds: 5 },
          securityContext: { privileged: false },
        },
      ],
      terminationGracePeriodSeconds: 0,
    },
    status: {},
  });
});

test('the options of a delete are read, whichever group they are said to be of', () => {
  const options = Buffer.concat([number(1, 0), message([[4, 'Orphan']])]);
  const envelope = message([
    [
      1,
      message([
        [1, 'policy/v1'],
        [2, 'DeleteOptions'],
      ]),
    ],
    [2, options],
  ]);
  expect(decodeProtobuf(Buffer.concat([Buffer.from('k8s\0'), envelope]))).toMatchObject({
    gracePeriodSeconds: 0,
    propagationPolicy: 'Orphan',
  });
});

test('the time of a lease has its microseconds', () => {
  const renewTime = Buffer.concat([number(1, 60), Buffer.from([2 << 3, 0xc0, 0x84, 0x3d])]);
  const lease = body('coordination.k8s.io/v1', 'Lease', [[2, message([[4, renewTime]])]]);
  expect(decodeProtobuf(lease)).toMatchObject({ spec: { renewTime: '1970-01-01T00:01:00.001000Z' } });
});

describe('a protobuf body', () => {
  test('becomes the object it stands for; what is empty is absent', () => {
    const metadata = message([
      [1, 'c'],
      [2, ''],
      [3, 'default'],
      [8, ''],
      [11, entry('app', 'web')],
      [11, entry('empty', '')],
      [14, 'a.b/c'],
      [14, 'a.b/d'],
    ]);
    expect(
      decodeProtobuf(
        body('v1', 'ConfigMap', [
          [1, metadata],
          [2, entry('key', 'värde')],
        ]),
      ),
    ).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'c',
        namespace: 'default',
        labels: { app: 'web', empty: '' },
        finalizers: ['a.b/c', 'a.b/d'],
      },
      data: { key: 'värde' },
    });
  });

  test('of a secret has its bytes in base64', () => {
    const secret = decodeProtobuf(
      body('v1', 'Secret', [
        [2, entry('key', 'a\0b')],
        [3, 'Opaque'],
      ]),
    );
    expect(secret).toMatchObject({ data: { key: 'YQBi' }, type: 'Opaque' });
  });

  test('has numbers, flags and times', () => {
    const numbers = Buffer.concat([
      Buffer.from([2 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
      Buffer.from([3 << 3, 1]),
    ]);
    const time = message([[1, message([[8, Buffer.from([1 << 3, 60])]])]]);
    const raw = Buffer.concat([time, numbers]);
    const bytes = Buffer.concat([
      Buffer.from('k8s\0'),
      message([
        [
          1,
          message([
            [1, 'scheduling.k8s.io/v1'],
            [2, 'PriorityClass'],
          ]),
        ],
        [2, raw],
      ]),
    ]);
    expect(decodeProtobuf(bytes)).toMatchObject({
      metadata: { creationTimestamp: '1970-01-01T00:01:00Z' },
      value: -1,
      globalDefault: true,
    });
  });

  test.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'BadRequest'],
    ['JSON', Buffer.from('{}'), 'BadRequest'],
    ['half an envelope', body('v1', 'ConfigMap', [[2, entry('a', 'b')]]).subarray(0, 20), 'BadRequest'],
    ['a kind that is not read', body('v1', 'ResourceQuota', []), 'UnsupportedMediaType'],
    ['a message that is no kind', body('v1', 'PodSpec', []), 'UnsupportedMediaType'],
    ['a field that is not read', body('v1', 'Pod', [[2, message([[99, 'x']])]]), 'BadRequest'],
    ['a kind named like a method', body('', 'constructor', []), 'UnsupportedMediaType'],
    ['__proto__ as key', body('v1', 'ConfigMap', [[2, entry('__proto__', 'x')]]), 'BadRequest'],
    [
      'text that is not UTF-8',
      body('v1', 'ConfigMap', [
        [
          2,
          message([
            [1, 'a'],
            [2, Buffer.from([0xff])],
          ]),
        ],
      ]),
      'BadRequest',
    ],
  ])('with %s is refused', (_name, bytes, reason) => {
    expect(reasonOf(() => decodeProtobuf(bytes)).reason).toBe(reason);
  });

  test('is decoded or refused, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const bytes = body('v1', 'ConfigMap', []);
        try {
          decodeProtobuf(Buffer.concat([bytes, noise]));
          decodeProtobuf(Buffer.concat([Buffer.from('k8s\0'), noise]));
        } catch (error) {
          expect(['BadRequest', 'UnsupportedMediaType']).toContain((error as { reason: string }).reason);
        }
      }),
    );
  });

  test('is read as it is written', () => {
    const field = fc.tuple(
      fc.integer({ min: 1, max: 1000 }),
      fc.string().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const read = readMessage(message(fields)).map(({ number, value }) => [number, value]);
        expect(read).toEqual(fields);
      }),
    );
  });
});
