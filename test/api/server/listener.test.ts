/** The socket side, over real TLS: who one is, limits, streams, a graceful end, and logs from a node's agent. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAgentClient } from '../../../api/server/agent-client.ts';
import type { AuditRecord } from '../../../api/server/audit.ts';
import { createAuthenticator, parseTokenTable } from '../../../api/server/authenticate.ts';
import { createCertificateAuthority, issueCertificate } from '../../../api/server/pki.ts';
import { configMapDraft, configMaps, TestServer, taskDraft, tasks } from './test-server.ts';

type Pair = Awaited<ReturnType<typeof issueCertificate>>;

const token = 'a-secret-token';
const audit: AuditRecord[] = [];
let ca: Pair;
let [serving, admin, stranger, client]: Pair[] = [];
let server: TestServer;
let agent: Server;
let port: number;

beforeAll(async () => {
  ca = await createCertificateAuthority();
  const otherCa = await createCertificateAuthority();
  const hosts = ['127.0.0.1', '127.0.0.2'];
  serving = await issueCertificate(ca, {
    commonName: 'apiserver',
    organizations: [],
    hosts,
    usage: 'both',
    days: 1,
  });
  admin = await issueCertificate(ca, {
    commonName: 'gantry-admin',
    organizations: ['system:masters'],
    usage: 'client',
    days: 1,
  });
  stranger = await issueCertificate(otherCa, {
    commonName: 'gantry-admin',
    organizations: ['system:masters'],
    usage: 'client',
    days: 1,
  });
  client = await issueCertificate(ca, {
    commonName: 'system:gantry-apiserver',
    organizations: ['system:gantry'],
    usage: 'client',
    days: 1,
  });
  const hash = createHash('sha256').update(token).digest('hex');
  server = await TestServer.start({
    authenticator: createAuthenticator({ tokens: parseTokenTable(`${hash} gantry-admin system:masters\n`) }),
    nodeClient: createAgentClient({ cert: client.certPem, key: client.keyPem, ca: ca.certPem }),
    audit: { write: (record) => void audit.push(record), close: async () => {} },
  });
  const listener = await server.server.listen({
    addresses: ['127.0.0.1', '127.0.0.2'],
    port: 0,
    tls: { cert: serving.certPem, key: serving.keyPem, clientCa: ca.certPem },
  });
  port = listener.port;
});
afterAll(async () => {
  await server.close();
  agent?.close();
});

interface Options {
  method?: string;
  identity?: Pair | undefined;
  headers?: Record<string, string>;
  body?: string | Buffer;
  host?: string;
}

async function open(
  path: string,
  { method = 'GET', identity, headers = {}, body, host = '127.0.0.1' }: Options = {},
): Promise<IncomingMessage> {
  const sent = request({
    host,
    port,
    path,
    method,
    headers,
    ca: ca.certPem,
    agent: false,
    ...(identity ? { cert: identity.certPem, key: identity.keyPem } : {}),
  });
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

async function call(path: string, options: Options = {}): Promise<{ status: number; text: string }> {
  const response = await open(path, options);
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, text };
}

describe('an identity', () => {
  it('is a certificate of the cluster', async () => {
    expect((await call('/api/v1/nodes', { identity: admin })).status).toBe(200);
  });

  it('is a bearer token of the token file', async () => {
    expect((await call('/api/v1/nodes', { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await call('/api/v1/nodes', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });

  it('is nothing that another authority signed', async () => {
    const { status, text } = await call('/api/v1/nodes', { identity: stranger });
    expect({ status, reason: JSON.parse(text).reason }).toEqual({ status: 401, reason: 'Unauthorized' });
  });

  it('is needed for everything but health', async () => {
    expect((await call('/api/v1/nodes')).status).toBe(401);
    expect((await call('/readyz')).text).toBe('ok');
  });
});

describe('the listener', () => {
  it('answers on every address', async () => {
    expect((await call('/readyz', { host: '127.0.0.2' })).status).toBe(200);
  });

  it('refuses a body over 3 MiB while it comes', async () => {
    const { status, text } = await call(configMaps, {
      method: 'POST',
      identity: admin,
      headers: { 'content-type': 'application/json' },
      body: Buffer.alloc(3 * 1024 * 1024 + 1, 32),
    });
    expect({ status, reason: JSON.parse(text).reason }).toEqual({
      status: 413,
      reason: 'RequestEntityTooLarge',
    });
  });

  it.each(['HEAD', 'OPTIONS', 'TRACE'])('has no %s', async (method) => {
    expect((await call('/api/v1/nodes', { method, identity: admin })).status).toBeGreaterThanOrEqual(400);
  });

  it('leaves the path as it came', async () => {
    expect((await call('/api/v1/namespaces/a%2fb', { identity: admin })).status).toBe(400);
    expect((await call('/api/v1//nodes', { identity: admin })).status).toBe(400);
    expect((await call('/%zz', { identity: admin })).status).toBe(400);
  });

  it('streams a watch as it happens and tells the audit log who wrote', async () => {
    const response = await open(`${configMaps}?watch=true`, { identity: admin });
    const lines = response[Symbol.asyncIterator]();
    const body = JSON.stringify(configMapDraft('seen'));
    const created = await call(configMaps, {
      method: 'POST',
      identity: admin,
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(created.status).toBe(201);
    const { value } = await lines.next();
    expect(JSON.parse(String(value))).toMatchObject({
      type: 'ADDED',
      object: { metadata: { name: 'seen' } },
    });
    response.destroy();
    expect(audit.at(-1)).toMatchObject({
      user: 'gantry-admin',
      verb: 'create',
      resource: 'configmaps',
      namespace: 'default',
      code: 201,
    });
  });
});

describe('a log', () => {
  let respond: (request: IncomingMessage, response: ServerResponse) => void;

  beforeAll(async () => {
    agent = createServer(
      {
        cert: serving!.certPem,
        key: serving!.keyPem,
        ca: ca.certPem,
        requestCert: true,
        rejectUnauthorized: true,
      },
      (incoming, response) => respond(incoming, response),
    );
    agent.listen(0, '127.0.0.1');
    await once(agent, 'listening');
    await server.post('/api/v1/nodes', { metadata: { name: 'n1' } });
    await server.mergePatch('/api/v1/nodes/n1/status', {
      status: {
        allocatable: { cpu: '4' },
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: (agent.address() as AddressInfo).port } },
      },
    });
    for (const name of ['t1', 'unbound']) await server.post(tasks, taskDraft(name));
    await server.post(`${tasks}/t1/binding`, { target: { name: 'n1' } });
  });

  it('comes from the agent, asked with the certificate of the API server', async () => {
    let asked = '';
    respond = (incoming, response) => {
      asked = `${(incoming.socket as TLSSocket).getPeerCertificate().subject.CN} ${incoming.url}`;
      response.end('line 1\nline 2\n');
    };
    const { status, text } = await call(`${tasks}/t1/log?tailLines=2&unknown=1`, { identity: admin });
    expect({ status, text }).toEqual({ status: 200, text: 'line 1\nline 2\n' });
    expect(asked).toMatch(
      /^system:gantry-apiserver \/logs\/default\/t1\/main\?uid=[0-9a-f-]{36}&tailLines=2$/,
    );
  });

  it('passes on what the agent refuses', async () => {
    respond = (_incoming, response) => {
      response
        .writeHead(404)
        .end(JSON.stringify({ kind: 'Status', reason: 'NotFound', message: 'no such log', code: 404 }));
    };
    const { status, text } = await call(`${tasks}/t1/log`, { identity: admin });
    expect({ status, message: JSON.parse(text).message }).toEqual({ status: 404, message: 'no such log' });
  });

  it.each([
    ['of a task without a node', 'unbound/log', 400],
    ['of a container it does not have', 't1/log?container=other', 400],
    ['of a task that does not exist', 'none/log', 404],
  ])('%s is refused', async (_case, path, code) => {
    expect((await call(`${tasks}/${path}`, { identity: admin })).status).toBe(code);
  });

  it('of a node that is gone is unavailable', async () => {
    await server.mergePatch('/api/v1/nodes/n1/status', {
      status: { daemonEndpoints: { kubeletEndpoint: { Port: 1 } } },
    });
    expect((await call(`${tasks}/t1/log`, { identity: admin })).status).toBe(503);
  });
});

it.each([
  ['HTTP/1.0', 'in one piece', /\r\n\r\n\{"type":"BOOKMARK".*\}\n$/s],
  ['HTTP/1.1', 'in chunks', /\r\n\r\n([0-9a-f]+)\r\n\{"type":"BOOKMARK".*\}\n\r\n0\r\n\r\n$/s],
])('a client of %s has a watch %s', async (version, _form, expected) => {
  const url = `${configMaps}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&fieldSelector=metadata.name=none`;
  const query = `${url}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`;
  const socket = connect({ host: '127.0.0.1', port, ca: ca.certPem });
  socket.write(
    `GET ${query} ${version}\r\nHost: gantry\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  let text = '';
  for await (const chunk of socket) text += chunk;
  expect(text).toMatch(expected);
});

it('a server that closes ends its watches cleanly and accepts no more', async () => {
  const response = await open(`${configMaps}?watch=true&resourceVersion=0`, { identity: admin });
  let text = '';
  const read = (async () => {
    for await (const chunk of response) text += chunk;
  })();
  await server.server.close();
  await read;
  expect(response.complete).toBe(true);
  expect(text).toContain('ADDED');
  await expect(open('/readyz')).rejects.toThrow();
});
