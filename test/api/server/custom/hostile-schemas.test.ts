import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestServer } from '../test-server.ts';
import { cronTabDefinition, cronTabVersion, definitions, untilGone } from './crontab.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

const keywords = [
  ...[
    'type',
    'format',
    'nullable',
    'default',
    'enum',
    'required',
    'pattern',
    'minimum',
    'maxLength',
    'allOf',
  ],
  ...[
    'anyOf',
    'oneOf',
    'not',
    'items',
    'additionalProperties',
    'description',
    'exclusiveMinimum',
    'multipleOf',
  ],
  ...['preserve-unknown-fields', 'int-or-string', 'validations', 'list-type', 'list-map-keys'].map(
    (x) => `x-kubernetes-${x}`,
  ),
];
const types = fc.constantFrom('object', 'array', 'string', 'integer', 'number', 'boolean');
const { schema } = fc.letrec((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.record({ type: types }),
    fc.record({
      type: fc.constant('object'),
      properties: fc.dictionary(fc.constantFrom('a', 'b', '__c', 'd-e'), tie('schema'), { maxKeys: 3 }),
    }),
    fc.record({ type: fc.constant('array'), items: tie('schema') }),
    fc.dictionary(
      fc.constantFrom(...keywords),
      fc.oneof(types, fc.anything({ maxDepth: 1 }), tie('schema'), fc.array(tie('schema'), { maxLength: 2 })),
      { maxKeys: 4 },
    ),
  ),
}));

it('no schema makes the server fail: it is refused as bad input, or served', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(schema, fc.jsonValue({ maxDepth: 3 }), async (spec, value) => {
      const version = cronTabVersion();
      version.schema.openAPIV3Schema = { type: 'object', properties: { spec } };
      const definition = cronTabDefinition({ ...version, subresources: {}, selectableFields: [] });
      const created = await server.post(definitions, definition);
      expect([201, 400, 422]).toContain(created.status);
      if (created.status !== 201) return;
      const path = '/apis/stable.example.com/v1/namespaces/default/crontabs';
      await expect.poll(async () => (await server.get(path)).status).toBe(200);
      const object = {
        apiVersion: 'stable.example.com/v1',
        kind: 'CronTab',
        metadata: { name: 'a' },
        spec: value,
      };
      expect([201, 400, 422]).toContain((await server.post(path, object)).status);
      expect((await server.get('/openapi/v3/apis/stable.example.com/v1')).status).toBe(200);
      await server.delete(`${definitions}/${definition.metadata.name}`);
      await untilGone(server, definition.metadata.name);
    }),
    { numRuns: 60, seed: 3 },
  );
});
