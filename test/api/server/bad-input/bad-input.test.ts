/** Bad input over the wire: TLS, real bytes. What each layer says in detail is in the tests of that layer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bodyRows } from './rows/bodies.ts';
import { objectRows } from './rows/objects.ts';
import { patchRows } from './rows/patches.ts';
import { requestRows } from './rows/requests.ts';
import { job, jobs, type Row } from './rows/row.ts';
import { WireServer } from './wire-server.ts';

let server: WireServer;
beforeAll(async () => {
  server = await WireServer.start();
  expect((await server.send({ body: job({}, { name: 'kept' }) })).status).toBe(201);
});
afterAll(() => server.close());

describe.each<[string, readonly Row[]]>([
  ['bodies', bodyRows],
  ['objects', objectRows],
  ['requests', requestRows],
  ['patches', patchRows],
])('the server refuses, of %s,', (_what, rows) => {
  test.each(rows.map((row): Row => [...row]))('%s', async (_name, sent, status, reason, says) => {
    const answered = await server.send(sent);
    expect({ status: answered.status, reason: answered.reason }, answered.message).toEqual({
      status,
      reason,
    });
    expect(answered.message).toMatch(says);
    expect(answered.message.length).toBeLessThan(2000);
  });
});

test('and afterwards everything is as it was', async () => {
  const { body } = await server.inside.get(jobs);
  expect(body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(['kept']);
  expect(body.items[0].metadata.generation).toBe(1);
  expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  expect((await server.send({ method: 'GET', path: '/readyz' })).status).toBe(200);
});
