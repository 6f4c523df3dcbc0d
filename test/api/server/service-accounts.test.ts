/** Service accounts and their tokens: asked for, used, reviewed, and ended with the account, by hand and by kubectl. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../api/meta/clock.ts';
import { createTokenKey } from '../../../api/server/pki.ts';
import type { ApiRequest } from '../../../api/server/request.ts';
import type { TokenKeys } from '../../../api/server/service-account-tokens.ts';
import { openMemoryStore } from '../../../api/store/memory-store.ts';
import { addNode, admin, nodeUser, TestServer, taskDraft, tasks } from './test-server.ts';

const accounts = '/api/v1/namespaces/default/serviceaccounts';
const reviews = '/apis/authentication.k8s.io/v1/tokenreviews';
const clock = new VirtualClock();

let server: TestServer;
beforeAll(async () => {
  server = new TestServer({ clock });
  await server.server.start();
  for (const name of ['robot', 'other']) await server.post(accounts, { metadata: { name } });
});
afterAll(async () => {
  const closed = server.close();
  await clock.advance(10_000);
  await closed;
});

async function tokenOf(name: string, spec: object = {}): Promise<string> {
  const { status, body } = await server.post(`${accounts}/${name}/token`, { spec });
  expect(status).toBe(201);
  return body.status.token;
}

/** A request with nothing but a bearer token, as it comes over a socket. */
async function withToken(
  token: string,
  url: string,
  { body, by = server }: { body?: object; by?: TestServer } = {},
): Promise<{ status: number; body: ReturnType<typeof JSON.parse> }> {
  const request: ApiRequest = {
    method: body ? 'POST' : 'GET',
    url,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: Buffer.from(body ? JSON.stringify(body) : ''),
    signal: new AbortController().signal,
  };
  const response = await by.server.handle(request);
  return { status: response.status, body: JSON.parse(String(response.body)) };
}

const whoAmI = (token: string, by = server) =>
  withToken(token, '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {}, by });

describe('a token', () => {
  test('says who one is', async () => {
    const { status, body } = await whoAmI(await tokenOf('robot'));
    expect(status).toBe(201);
    expect(body.status.userInfo).toEqual({
      username: 'system:serviceaccount:default:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    });
  });

  test('opens what is open to every name, and nothing else', async () => {
    const token = await tokenOf('robot');
    expect((await withToken(token, '/apis')).status).toBe(200);
    expect((await withToken(token, '/api/v1/namespaces/default/secrets')).status).toBe(403);
    expect((await withToken(token, `${accounts}/robot/token`, { body: {} })).status).toBe(403);
    expect((await withToken(token, reviews, { body: { spec: { token } } })).status).toBe(403);
  });

  test('is asked for with nulls where nothing is said, as kubectl does', async () => {
    const spec = { audiences: null, expirationSeconds: null, boundObjectRef: null };
    expect((await whoAmI(await tokenOf('robot', spec))).status).toBe(201);
  });

  test('is good for as long as was asked for', async () => {
    const token = await tokenOf('robot', { expirationSeconds: 600 });
    await clock.advance(599_000);
    expect((await whoAmI(token)).status).toBe(201);
    await clock.advance(2_000);
    expect((await whoAmI(token)).status).toBe(401);
  });

  test('for somebody else is none here', async () => {
    const token = await tokenOf('robot', { audiences: ['vault'] });
    expect((await whoAmI(token)).status).toBe(401);
  });

  test('ends with its account, and does not come back with the next of that name', async () => {
    const token = await tokenOf('other');
    await server.delete(`${accounts}/other`);
    expect((await whoAmI(token)).status).toBe(401);
    await server.post(accounts, { metadata: { name: 'other' } });
    expect((await whoAmI(token)).status).toBe(401);
  });

  test('that somebody wrote on is none', async () => {
    const token = await tokenOf('robot');
    const [header = '', payload = '', signature = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forged = [
      `${header}.${encoded({ ...claims, sub: 'system:serviceaccount:kube-system:default' })}.${signature}`,
      `${header}.${encoded({ ...claims, exp: claims.exp + 1e6 })}.${signature}`,
      `${encoded({ alg: 'none' })}.${payload}.`,
      `${encoded({ alg: 'none' })}.${payload}.${signature}`,
      `${encoded({ alg: 'HS256' })}.${payload}.${signature}`,
      `${encoded({ alg: 'ES256', kid: '../../../dev/null' })}.${payload}.${signature}`,
      `${header}.${payload}.${'A'.repeat(86)}`,
      `${header}.${payload}`,
      `${token}.${token}`,
    ];
    const answers = await Promise.all(forged.map((token) => whoAmI(token)));
    expect(answers.map(({ status, body }) => [status, body.message])).toEqual(
      forged.map(() => [401, 'Unauthorized']),
    );
  });

  test('of another server is none', async () => {
    const other = await TestServer.start();
    await other.post(accounts, { metadata: { name: 'robot' } });
    const { body } = await other.post(`${accounts}/robot/token`, {});
    await other.close();
    expect((await whoAmI(body.status.token)).status).toBe(401);
  });

  test('outlives the key that signed it where the key is still accepted, and only there', async () => {
    const store = openMemoryStore();
    const [oldKey, newKey] = [createTokenKey(), createTokenKey()];
    const former = createPublicKey(oldKey).export({ type: 'spki', format: 'pem' }).toString();
    const another = createPublicKey(createTokenKey()).export({ type: 'spki', format: 'pem' }).toString();
    const before = await TestServer.start({ store, tokenKeys: { signing: oldKey } });
    await before.post(accounts, { metadata: { name: 'robot' } });
    const { body } = await before.post(`${accounts}/robot/token`, {});
    const statusBy = async (tokenKeys: TokenKeys): Promise<number> => {
      const other = await TestServer.start({ store, tokenKeys });
      const { status } = await whoAmI(body.status.token, other);
      await other.server.close();
      return status;
    };
    expect(await statusBy({ signing: oldKey })).toBe(201);
    expect(await statusBy({ signing: newKey, former: another + former })).toBe(201);
    expect(await statusBy({ signing: newKey, former: another })).toBe(401);
    expect(await statusBy({ signing: newKey })).toBe(401);
    await before.close();
  });

  test('is signed by a P-256 key or not at all', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const signing = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => new TestServer({ tokenKeys: { signing } })).toThrow('P-256');
  });

  test.each<[string, object, RegExp]>([
    ['too short', { expirationSeconds: 60 }, /spec\.expirationSeconds.*10 minutes/],
    ['too long', { expirationSeconds: 1e9 }, /a year/],
    ['no time at all', { expirationSeconds: 'long' }, /whole number/],
    ['for a control character', { audiences: ['a\nb'] }, /spec\.audiences/],
    ['bound to what is no pod', { boundObjectRef: { kind: 'Secret', name: 'x' } }, /must be a Pod of v1/],
  ])('%s is refused', async (_what, spec, says) => {
    const { status, body } = await server.post(`${accounts}/robot/token`, { spec });
    expect([status, body.reason]).toEqual([422, 'Invalid']);
    expect(body.message).toMatch(says);
  });

  test('that is bound to a task is for its node to ask, and ends with the task', async () => {
    await addNode(server, 'n1', { cpu: '1', pods: '10' });
    const draft = taskDraft('bound') as { spec: object };
    Object.assign(draft.spec, { serviceAccountName: 'robot' });
    const { body: task } = await server.post(tasks, draft);
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'bound', uid: task.metadata.uid };
    const ask = (account: string, node: string, reference: object = boundObjectRef) =>
      server.post(
        `${accounts}/${account}/token`,
        { spec: { boundObjectRef: reference } },
        { user: nodeUser(node) },
      );
    expect((await ask('robot', 'n1')).status).toBe(403);
    await server.post(`${tasks}/bound/binding`, { target: { name: 'n1' } });
    const { status, body } = await ask('robot', 'n1');
    expect(status).toBe(201);
    expect((await whoAmI(body.status.token)).status).toBe(201);
    expect((await ask('robot', 'n2')).status).toBe(403);
    expect((await ask('other', 'n1')).status).toBe(409);
    expect((await ask('robot', 'n1', { ...boundObjectRef, uid: 'another' })).status).toBe(404);
    await server.delete(`${tasks}/bound`, { gracePeriodSeconds: 0 });
    expect((await whoAmI(body.status.token)).status).toBe(401);
  });

  test('of an account that is not there is not found', async () => {
    expect((await server.post(`${accounts}/nobody/token`, {})).status).toBe(404);
    expect((await server.get(`${accounts}/robot/token`)).status).toBe(405);
    expect((await server.post('/api/v1/namespaces/default/configmaps/robot/token', {})).status).toBe(404);
  });

  test("is nobody's to ask for but an admin's", async () => {
    for (const user of [
      nodeUser('n1'),
      { name: 'system:gantry-controllers', groups: ['system:authenticated'] },
    ])
      expect((await server.post(`${accounts}/robot/token`, {}, { user })).status).toBe(403);
  });
});

describe('a token review', () => {
  const review = (token: unknown) => server.post(reviews, { spec: { token } }, { user: admin });

  test('names the account', async () => {
    const { body } = await review(await tokenOf('robot'));
    expect(body.status).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:robot' },
    });
  });

  test.each([[''], ['x'], [null], [{}], ['a.b.c']])('of %j knows nobody', async (token) => {
    const { status, body } = await review(token);
    expect([status, body.status]).toEqual([
      201,
      { authenticated: false, user: {}, error: 'invalid bearer token' },
    ]);
  });
});
