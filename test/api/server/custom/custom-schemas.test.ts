import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CustomSchema } from '../../../../api/kinds/custom-schema.ts';
import { TestServer } from '../test-server.ts';
import { cronTab, cronTabDefinition, cronTabs, cronTabVersion, define } from './crontab.ts';

const properties: Record<string, CustomSchema> = {
  port: { 'x-kubernetes-int-or-string': true },
  raw: {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: { known: { type: 'object', properties: {} } },
  },
  any: { 'x-kubernetes-preserve-unknown-fields': true },
  maybe: { type: 'string', nullable: true, enum: ['a'] },
  plain: { type: 'string', default: 'd' },
  inner: {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
    'x-kubernetes-preserve-unknown-fields': true,
  },
  set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
  map: {
    type: 'object',
    additionalProperties: { type: 'object', properties: { n: { type: 'integer', default: 1 } } },
  },
  either: {
    type: 'object',
    properties: { a: { type: 'string' }, b: { type: 'string' } },
    oneOf: [{ required: ['a'] }, { required: ['b'] }],
  },
  positive: { type: 'number', minimum: 0, exclusiveMinimum: true },
  ip: { type: 'string', format: 'ipv4' },
  note: { type: 'string', format: 'my-own-format' },
};

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  const version = cronTabVersion();
  version.schema.openAPIV3Schema.properties.spec = { type: 'object', properties };
  await define(server, cronTabDefinition({ ...version, selectableFields: [] }));
});
afterAll(() => server.close());

let count = 0;
const post = (spec: object) => server.post(cronTabs, cronTab(`o${count++}`, spec));

const kept: [given: object, stored: object][] = [
  [{ port: 80 }, { port: 80 }],
  [{ port: 'http' }, { port: 'http' }],
  [{ raw: { known: { x: 1 }, other: { y: [1] } } }, { raw: { known: {}, other: { y: [1] } } }],
  [{ any: [1, { a: null }] }, { any: [1, { a: null }] }],
  [{ any: null }, { any: null }],
  [{ maybe: null, plain: null }, { maybe: null }],
  [
    { inner: { apiVersion: 'v1', kind: 'X', metadata: { name: 'n', labelz: {} }, data: 1 } },
    { inner: { apiVersion: 'v1', kind: 'X', metadata: { name: 'n' }, data: 1 } },
  ],
  [{ map: { a: {}, b: { n: 2, z: 1 } } }, { map: { a: { n: 1 }, b: { n: 2 } } }],
  [{ either: { a: 'x' } }, { either: { a: 'x' } }],
  [{ note: 'anything' }, { note: 'anything' }],
];
it.each(kept)('%j is stored as %j', async (given, stored) => {
  const { status, body } = await post(given);
  expect([status, body.spec ?? body.message]).toEqual([201, { plain: 'd', ...stored }]);
});

const refused: [spec: object, message: string][] = [
  [{ port: true }, 'spec.port: Invalid value: true: must be an integer or a string'],
  [{ maybe: 'b' }, 'spec.maybe: Unsupported value: "b"'],
  [{ inner: { kind: 'X' } }, 'spec.inner.apiVersion: Required value'],
  [{ set: ['a', 'a'] }, 'spec.set[1]: Duplicate value: "a"'],
  [{ map: { a: { n: 'x' } } }, 'spec.map.a.n: Invalid value: "x": must be an integer'],
  [
    { either: { a: 'x', b: 'y' } },
    'spec.either: Invalid value: an object: must match exactly one schema in oneOf',
  ],
  [{ positive: 0 }, 'spec.positive: Invalid value: 0: must be > 0'],
  [{ ip: '1.2.3' }, 'spec.ip: Invalid value: "1.2.3": must match format "ipv4"'],
];
it.each(refused)('%j is refused', async (spec, message) => {
  const { status, body } = await post(spec);
  expect([status, body.message]).toEqual([422, expect.stringContaining(message)]);
});
