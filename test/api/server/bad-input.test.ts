/** Bad input over the wire: TLS, real bytes. What each layer says in detail is in the tests of that layer. */
import https from 'node:https';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../../api/server/pki.ts';
import { TestServer } from './test-server.ts';

let server: TestServer;
let agent: https.Agent;
let authority: KeyPair;
let port: number;

beforeAll(async () => {
  authority = await createCertificateAuthority();
  const [serving, admin] = await Promise.all([
    issueCertificate(authority, { commonName: 's', hosts: ['127.0.0.1'], usage: 'server', days: 1 }),
    issueCertificate(authority, {
      commonName: 'gantry-admin',
      organizations: ['system:masters'],
      usage: 'client',
      days: 1,
    }),
  ]);
  server = await TestServer.start();
  const { certPem: cert, keyPem: key } = serving;
  const options = { addresses: ['127.0.0.1'], port: 0, tls: { cert, key, clientCa: authority.certPem } };
  ({ port } = await server.server.listen(options));
  agent = new https.Agent({ ca: authority.certPem, cert: admin.certPem, key: admin.keyPem, keepAlive: true });
});
afterAll(async () => {
  agent.destroy();
  await server.close();
});

interface Sent {
  method?: string;
  path?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
  anonymous?: boolean;
}

interface Answered {
  status: number;
  reason: string | undefined;
  message: string;
}

const jobs = '/apis/gantry.dev/v1/namespaces/default/jobs';

async function send({ method = 'POST', path = jobs, body, headers, anonymous }: Sent): Promise<Answered> {
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    const request = https.request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: { 'content-type': 'application/json', ...headers },
        ...(anonymous ? { ca: authority.certPem, agent: false } : { agent }),
      },
      resolve,
    );
    request.on('error', reject);
    request.end(body);
  });
  const content = await text(response);
  const json = content.startsWith('{') ? JSON.parse(content) : {};
  return { status: response.statusCode ?? 0, reason: json.reason, message: json.message ?? content };
}

const job = (spec: object = {}, metadata: object = {}): string =>
  JSON.stringify({
    metadata: { name: 'x', ...metadata },
    spec: { template: { spec: { containers: [{ name: 'main', image: 'busybox' }] } }, ...spec },
  });

const merge = { 'content-type': 'application/merge-patch+json' };
const jsonPatch = { 'content-type': 'application/json-patch+json' };
const strict = `${jobs}?fieldValidation=Strict`;

const rows: [name: string, sent: Sent, status: number, reason: string, says: RegExp][] = [
  [
    '5 MB',
    { body: job({}, { annotations: { a: 'x'.repeat(5_000_000) } }) },
    413,
    'RequestEntityTooLarge',
    /3145728|limit/i,
  ],
  ['[ × 100,000', { body: '['.repeat(100_000) }, 400, 'BadRequest', /nested deeper/],
  [
    '{"a": × 100,000 in a merge patch',
    { method: 'PATCH', path: `${jobs}/x`, headers: merge, body: '{"a":'.repeat(100_000) },
    400,
    'BadRequest',
    /nested deeper/,
  ],
  [
    '__proto__',
    { body: '{"metadata":{"name":"x"},"__proto__":{"admin":true}}' },
    400,
    'BadRequest',
    /__proto__/,
  ],
  [
    '__proto__ in a merge patch',
    { method: 'PATCH', path: `${jobs}/x`, headers: merge, body: '{"metadata":{"__proto__":{"a":1}}}' },
    400,
    'BadRequest',
    /__proto__/,
  ],
  [
    'a duplicate key',
    { body: '{"metadata":{"name":"x","name":"y"}}' },
    400,
    'BadRequest',
    /duplicate field "name"/,
  ],
  ['broken JSON', { body: '{"metadata":' }, 400, 'BadRequest', /not JSON/],
  ['invalid UTF-8', { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'BadRequest', /UTF-8/],
  ['no body', {}, 400, 'BadRequest', /empty/],
  [
    'YAML',
    { body: 'kind: Job', headers: { 'content-type': 'application/yaml' } },
    415,
    'UnsupportedMediaType',
    /application\/json/,
  ],
  ['gzip', { body: gzipSync(job()), headers: { 'content-encoding': 'gzip' } }, 400, 'BadRequest', /./],
  [
    'another kind',
    { body: '{"apiVersion":"v1","kind":"Node","metadata":{"name":"x"}}' },
    400,
    'BadRequest',
    /Node/,
  ],
  ['a typo', { path: strict, body: job({ replica: 3 }) }, 400, 'BadRequest', /did you mean "replicas"/],
  [
    'a wrong type',
    { body: job({ completions: 'three' }) },
    422,
    'Invalid',
    /spec\.completions: .*must be an integer/,
  ],
  ['a negative count', { body: job({ completions: -1 }) }, 422, 'Invalid', /spec\.completions/],
  ['a billion', { body: job({ completions: 1e9 }) }, 422, 'Invalid', /spec\.completions/],
  [
    'a number past 2^53',
    { body: job().replace('"spec":{', '"spec":{"completions":9007199254740993,') },
    400,
    'BadRequest',
    /2\^53/,
  ],
  [
    'an absurd quantity',
    {
      body: job({
        template: {
          spec: { containers: [{ name: 'a', image: 'a', resources: { limits: { cpu: '1e30' } } }] },
        },
      }),
    },
    422,
    'Invalid',
    /quantity/,
  ],
  ['a name with a slash', { body: job({}, { name: 'a/b' }) }, 422, 'Invalid', /metadata\.name/],
  ['the name ..', { body: job({}, { name: '..' }) }, 422, 'Invalid', /metadata\.name/],
  ['no name', { body: job({}, { name: undefined }) }, 422, 'Invalid', /metadata\.name/],
  ['another namespace', { body: job({}, { namespace: 'kube-system' }) }, 400, 'BadRequest', /namespace/],
  [
    'a namespace that is not there',
    { path: jobs.replace('default', 'nope'), body: job() },
    404,
    'NotFound',
    /nope/,
  ],
  ['dots in the path', { method: 'GET', path: `${jobs}/../secrets` }, 400, 'BadRequest', /path segment/],
  [
    'escaped dots in the path',
    { method: 'GET', path: `${jobs}/%2e%2e/secrets` },
    400,
    'BadRequest',
    /path segment/,
  ],
  [
    'an escaped slash in the path',
    { method: 'GET', path: `${jobs}/a%2fb` },
    400,
    'BadRequest',
    /path segment/,
  ],
  ['a double slash', { method: 'GET', path: '/apis//gantry.dev/v1/jobs' }, 400, 'BadRequest', /path segment/],
  ['an unknown kind', { method: 'GET', path: '/apis/gantry.dev/v1/jobz' }, 404, 'NotFound', /./],
  [
    'a kind named like a method',
    { method: 'GET', path: '/apis/gantry.dev/v1/constructor' },
    404,
    'NotFound',
    /./,
  ],
  [
    'a broken label selector',
    { method: 'GET', path: `${jobs}?labelSelector=a%20in%20(` },
    400,
    'BadRequest',
    /label selector/,
  ],
  [
    '10,000 label terms',
    { method: 'GET', path: `${jobs}?labelSelector=${'a,'.repeat(4000)}a` },
    400,
    'BadRequest',
    /64/,
  ],
  [
    'an unknown field selector',
    { method: 'GET', path: `${jobs}?fieldSelector=__proto__%3D1` },
    400,
    'BadRequest',
    /not supported/,
  ],
  ['a limit that is no number', { method: 'GET', path: `${jobs}?limit=many` }, 400, 'BadRequest', /limit/],
  [
    'a resourceVersion that is none',
    { method: 'GET', path: `${jobs}?resourceVersion=abc` },
    400,
    'BadRequest',
    /resource ?version/i,
  ],
  [
    'a continue token that is none',
    { method: 'GET', path: `${jobs}?continue=%22` },
    400,
    'BadRequest',
    /continue/i,
  ],
  [
    'a stale resourceVersion',
    { method: 'PUT', path: `${jobs}/kept`, body: job({}, { name: 'kept', resourceVersion: '1' }) },
    409,
    'Conflict',
    /kept/,
  ],
  [
    'a patch of something that is not there',
    { method: 'PATCH', path: `${jobs}/nope`, headers: merge, body: '{}' },
    404,
    'NotFound',
    /nope/,
  ],
  [
    'a patch that renames',
    { method: 'PATCH', path: `${jobs}/kept`, headers: merge, body: '{"metadata":{"name":"other"}}' },
    400,
    'BadRequest',
    /name/,
  ],
  [
    'a patch to null',
    { method: 'PATCH', path: `${jobs}/kept`, headers: merge, body: 'null' },
    400,
    'BadRequest',
    /object/,
  ],
  [
    'a JSON patch that fails',
    { method: 'PATCH', path: `${jobs}/kept`, headers: jsonPatch, body: '[{"op":"remove","path":"/nope"}]' },
    422,
    'Invalid',
    /operation 0/,
  ],
  [
    '10,001 operations',
    {
      method: 'PATCH',
      path: `${jobs}/kept`,
      headers: jsonPatch,
      body: `[${'{"op":"test","path":"/kind","value":"Job"},'.repeat(10_000)}{"op":"test","path":"/kind","value":"Job"}]`,
    },
    413,
    'RequestEntityTooLarge',
    /10000/,
  ],
  [
    'an unknown patch type',
    { method: 'PATCH', path: `${jobs}/kept`, headers: { 'content-type': 'text/plain' }, body: '{}' },
    415,
    'UnsupportedMediaType',
    /takes/,
  ],
  ['a method nobody has', { method: 'PUT', path: jobs, body: job() }, 405, 'MethodNotAllowed', /PUT/],
  ['no credentials', { method: 'GET', anonymous: true }, 401, 'Unauthorized', /^Unauthorized$/],
  [
    'a wrong token',
    { method: 'GET', anonymous: true, headers: { authorization: 'Bearer x' } },
    401,
    'Unauthorized',
    /^Unauthorized$/,
  ],
];

describe('over the wire, the server refuses', () => {
  beforeAll(async () => {
    expect((await send({ body: job({}, { name: 'kept' }) })).status).toBe(201);
  });

  test.each(rows)('%s', async (_name, sent, status, reason, says) => {
    const answered = await send(sent);
    expect({ status: answered.status, reason: answered.reason }).toEqual({ status, reason });
    expect(answered.message).toMatch(says);
    expect(answered.message.length).toBeLessThan(2000);
  });

  test('and afterwards everything is as it was', async () => {
    const { body } = await server.get(jobs);
    expect(body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(['kept']);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
    expect((await send({ method: 'GET', path: '/readyz' })).status).toBe(200);
  });
});

describe('bytes that are no request', () => {
  async function answerTo(bytes: string): Promise<string> {
    const socket = tls.connect({ host: '127.0.0.1', port, ca: authority.certPem });
    socket.on('error', () => {});
    socket.write(bytes);
    return text(socket);
  }

  test.each<[string, string]>([
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a length with a sign', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello'],
    ['a header of 20 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['no HTTP at all', '\x16\x03\x01 hello\r\n\r\n'],
  ])('%s end the connection', async (_name, bytes) => {
    expect(await answerTo(bytes)).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});
