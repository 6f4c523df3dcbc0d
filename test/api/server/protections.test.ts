import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

describe('the server protects', () => {
  test.each(['default', 'kube-system', 'kube-node-lease'])('the namespace %s from deletion', async (name) => {
    const { status, body } = await server.delete(`/api/v1/namespaces/${name}`);
    expect([status, body.reason]).toEqual([403, 'Forbidden']);
    expect(body.message).toContain('may not be deleted');
  });
});
