import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { message, type ProtobufField, readMessage } from '../../../api/server/protobuf.ts';
import { decodeProtobuf } from '../../../api/server/protobuf-body.ts';
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
    ['a kind that has no table', body('v1', 'Pod', []), 'UnsupportedMediaType'],
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
