/** The client over real TLS sockets: a small server plays the API server's good and bad days. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMap, Job, Namespace, Node, Task } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../api/server/pki.ts';
import type { ClusterConfig } from '../../client/cluster-config.ts';
import { connect, type HttpClient } from '../../client/http-client.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let authority: KeyPair;
let identity: KeyPair;
let server: Server;
let config: ClusterConfig;
let client: HttpClient;
let handler: Handler;
/** `METHOD path` of each request the server saw. */
let seen: string[] = [];

beforeAll(async () => {
  authority = await createCertificateAuthority();
  const serving = await issueCertificate(authority, {
    commonName: 'test',
    hosts: ['127.0.0.1', 'localhost'],
    usage: 'server',
    days: 1,
  });
  identity = await issueCertificate(authority, {
    commonName: 'gantry-admin',
    organizations: ['system:masters'],
    usage: 'client',
    days: 1,
  });
  const tls = { cert: serving.certPem, key: serving.keyPem, ca: authority.certPem, requestCert: true };
  server = createServer({ ...tls, rejectUnauthorized: false }, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  seen = [];
  handler = (_request, response) => answer(response, 200, {});
  config = {
    server: `https://127.0.0.1:${portOf(server)}`,
    ca: authority.certPem,
    clientCertificate: identity.certPem,
    clientKey: identity.keyPem,
    namespace: 'default',
  };
  client = connect(config);
});

afterEach(() => client.close());

function portOf(listening: TcpServer): number {
  const address = listening.address();
  return typeof address === 'object' && address ? address.port : 0;
}

function answer(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

const key = { namespace: 'default', name: 'web' };

describe('the HTTP client', () => {
  test('asks the paths Kubernetes would ask', async () => {
    handler = (_request, response) => answer(response, 200, { metadata: {}, items: [] });
    await client.get(Job, key);
    await client.get(Node, { name: 'n1' });
    await client.get(Job, key, { resourceVersion: '7', resourceVersionMatch: 'Exact' });
    await client.list(Task, { namespace: 'x', labelSelector: 'app=web,tier in (a,b)', limit: 5 });
    await client.list(Task);
    await client.create(Job, { metadata: { ...key } });
    await client.create(Namespace, { metadata: { name: 'x' } }, { dryRun: true, fieldManager: 'me' });
    await client.patch(Job, key, { type: 'merge', body: {} }, { subresource: 'scale' });
    await client.delete(Job, key);
    await client.get(Job, { namespace: 'default', name: '../nodes?x' });
    expect(seen).toEqual([
      'GET /apis/gantry.dev/v1/namespaces/default/jobs/web',
      'GET /api/v1/nodes/n1',
      'GET /apis/gantry.dev/v1/namespaces/default/jobs/web?resourceVersion=7&resourceVersionMatch=Exact',
      'GET /apis/gantry.dev/v1/namespaces/x/tasks?labelSelector=app%3Dweb%2Ctier+in+%28a%2Cb%29&limit=5',
      'GET /apis/gantry.dev/v1/tasks',
      'POST /apis/gantry.dev/v1/namespaces/default/jobs',
      'POST /api/v1/namespaces?dryRun=All&fieldManager=me',
      'PATCH /apis/gantry.dev/v1/namespaces/default/jobs/web/scale',
      'DELETE /apis/gantry.dev/v1/namespaces/default/jobs/web',
      'GET /apis/gantry.dev/v1/namespaces/default/jobs/..%2Fnodes%3Fx',
    ]);
  });

  test('shows its certificate, and a token when it has one', async () => {
    const who: unknown[] = [];
    handler = (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      who.push([subject?.CN, request.headers.authorization]);
      answer(response, 200, {});
    };
    await client.raw('/version');
    const { clientCertificate: _certificate, clientKey: _key, ...anonymous } = config;
    const withToken = connect({ ...anonymous, token: 'secret' });
    await withToken.raw('/version');
    withToken.close();
    expect(who).toEqual([
      ['gantry-admin', undefined],
      [undefined, 'Bearer secret'],
    ]);
  });

  test('throws the Status of the answer as an ApiError with its details', async () => {
    const details = { kind: 'jobs', name: 'web', causes: [{ field: 'spec', message: 'wrong' }] };
    handler = (_request, response) =>
      answer(response, 422, { kind: 'Status', reason: 'Invalid', message: 'bad job', details, code: 422 });
    await expect(client.get(Job, key)).rejects.toMatchObject({
      reason: 'Invalid',
      message: 'bad job',
      details,
    });
  });

  test('understands an error of a proxy that knows no Status, and Retry-After', async () => {
    handler = (_request, response) => answer(response, 503, 'no backend\n', { 'retry-after': '7' });
    await expect(client.get(Job, key)).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
      message: 'no backend',
      details: { retryAfterSeconds: 7 },
    });
  });

  test('says so when an answer is no JSON', async () => {
    handler = (_request, response) => answer(response, 200, '<html>');
    await expect(client.get(Job, key)).rejects.toMatchObject({ reason: 'InternalError' });
  });

  test('hands on the warnings of the server', async () => {
    const warnings: string[] = [];
    const warned = connect(config, { onWarning: (text) => warnings.push(text) });
    handler = (_request, response) =>
      answer(response, 200, {}, { warning: ['299 - "unknown field \\"spec.x\\""', '299 - "second"'] });
    await warned.raw('/version');
    warned.close();
    expect(warnings).toEqual(['unknown field "spec.x"', 'second']);
  });

  test('reports each bind on its own', async () => {
    handler = (_request, response, body) => {
      expect(JSON.parse(body)).toMatchObject({ kind: 'Plan', binds: [{ name: 'a' }, { name: 'b' }] });
      const status = { kind: 'Status', reason: 'Conflict', message: 'no room', code: 409 };
      answer(response, 200, { kind: 'PlanResult', binds: [{}, { status }] });
    };
    const [first, second] = await client.commit({
      mode: 'Incremental',
      binds: [
        { namespace: 'default', name: 'a', node: 'n1' },
        { namespace: 'default', name: 'b', node: 'n1' },
      ],
    });
    expect(first).toBeUndefined();
    expect(second).toMatchObject({ reason: 'Conflict', message: 'no room' });
  });

  test('uses a connection again', async () => {
    const sockets = new Set<unknown>();
    handler = (request, response) => {
      sockets.add(request.socket);
      answer(response, 200, {});
    };
    for (let i = 0; i < 20; i++) await client.raw('/version');
    expect(sockets.size).toBe(1);
  });
});

describe('a broken connection', () => {
  test('is ServiceUnavailable when nothing was sent', async () => {
    const closed = createTcpServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const port = portOf(closed);
    await new Promise((resolve) => closed.close(resolve));
    const lost = connect({ ...config, server: `https://127.0.0.1:${port}` });
    await expect(lost.create(Job, { metadata: { ...key } })).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
    });
  });

  test('is ServiceUnavailable when the server is not who it should be', async () => {
    const { certPem } = await createCertificateAuthority();
    const wary = connect({ ...config, ca: certPem });
    await expect(wary.create(Job, { metadata: { ...key } })).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
    });
    expect(seen).toEqual([]);
    const trusting = connect({ ...config, ca: certPem, insecureSkipTlsVerify: true });
    await trusting.raw('/version');
    trusting.close();
  });

  test('is a Timeout for a write, which is not sent again', async () => {
    await client.raw('/version');
    handler = (request) => request.socket.destroy();
    await expect(client.create(Job, { metadata: { ...key } })).rejects.toMatchObject({ reason: 'Timeout' });
    expect(seen.filter((line) => line.startsWith('POST'))).toHaveLength(1);
  });

  test('is tried again once for a read on a kept connection', async () => {
    await client.raw('/version');
    let requests = 0;
    handler = (request, response) => {
      if (++requests === 1) request.socket.destroy();
      else answer(response, 200, { ok: true });
    };
    expect(await client.raw('/version')).toEqual({ ok: true });
    handler = (request) => request.socket.destroy();
    await expect(client.raw('/version')).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  test('in the middle of an answer is no answer', async () => {
    handler = (request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"metadata"');
      setImmediate(() => request.socket.destroy());
    };
    await expect(client.list(ConfigMap)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  test('and a silent server end with the deadline', async () => {
    const impatient = connect(config, { deadlineMs: 100 });
    handler = () => {};
    await expect(impatient.raw('/version')).rejects.toMatchObject({ reason: 'Timeout' });
    handler = (_request, response) => {
      response.writeHead(200);
      response.write('{');
    };
    await expect(impatient.raw('/version')).rejects.toMatchObject({ reason: 'Timeout' });
    impatient.close();
  });

  test('and a caller who gives up end the request', async () => {
    const caller = new AbortController();
    handler = () => caller.abort();
    await expect(client.list(ConfigMap, { signal: caller.signal })).rejects.toMatchObject({
      reason: 'Timeout',
    });
    await expect(client.list(ConfigMap, { signal: caller.signal })).rejects.toMatchObject({
      reason: 'Timeout',
    });
    expect(seen).toHaveLength(1);
  });
});

describe('a watch', () => {
  const line = (type: string, name: string): string =>
    `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: '5' } } })}\n`;

  async function namesUntilEnd(signal?: AbortSignal, onEvent = (_name: string) => {}): Promise<string[]> {
    const names: string[] = [];
    for await (const event of client.watch(ConfigMap, { resourceVersion: '4', ...(signal && { signal }) })) {
      const { name = '' } = event.object.metadata;
      names.push(name);
      onEvent(name);
    }
    return names;
  }

  test('gives events as they come, and outlives the deadline of requests', async () => {
    const patient = connect(config, { deadlineMs: 500 });
    handler = async (_request, response) => {
      response.writeHead(200);
      response.write(line('ADDED', 'a'));
      await new Promise((resolve) => setTimeout(resolve, 800));
      response.end(line('MODIFIED', 'b'));
    };
    const types: string[] = [];
    for await (const { type } of patient.watch(ConfigMap, { resourceVersion: '4' })) types.push(type);
    patient.close();
    expect(types).toEqual(['ADDED', 'MODIFIED']);
    expect(seen).toEqual(['GET /api/v1/configmaps?resourceVersion=4&watch=true&allowWatchBookmarks=true']);
  });

  test('throws Expired for 410 in either form', async () => {
    const status = { kind: 'Status', reason: 'Expired', code: 410, message: 'too old' };
    handler = (_request, response) => answer(response, 410, status);
    await expect(namesUntilEnd()).rejects.toMatchObject({ reason: 'Expired' });
    handler = (_request, response) =>
      answer(response, 200, `${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    await expect(namesUntilEnd()).rejects.toMatchObject({ reason: 'Expired' });
  });

  test('throws ServiceUnavailable when the connection breaks', async () => {
    handler = (request, response) => {
      response.writeHead(200);
      response.write(line('ADDED', 'a'));
      setTimeout(() => request.socket.destroy(), 20);
    };
    await expect(namesUntilEnd()).rejects.toSatisfy((error) => hasReason(error, 'ServiceUnavailable'));
  });

  test('ends quietly when it is told to, and closes its connection', async () => {
    const stop = new AbortController();
    const closed = new Promise((resolve) => {
      handler = (request, response) => {
        request.socket.once('close', resolve);
        response.writeHead(200);
        response.write(line('ADDED', 'a'));
      };
    });
    expect(await namesUntilEnd(stop.signal, () => stop.abort())).toEqual(['a']);
    await closed;
  });

  test('closes its connection when its reader walks away', async () => {
    const closed = new Promise((resolve) => {
      handler = (request, response) => {
        request.socket.once('close', resolve);
        response.writeHead(200);
        response.write(line('ADDED', 'a'));
      };
    });
    for await (const _event of client.watch(ConfigMap, {})) break;
    await closed;
  });

  test('holds the server back while its reader is slow', async () => {
    let written = 0;
    const filler = 'x'.repeat(100_000);
    const stop = new AbortController();
    handler = (_request, response) => {
      response.writeHead(200);
      const fill = (): void => {
        while (written < 1_000 && response.write(line('ADDED', filler))) written++;
        if (written < 1_000) response.once('drain', fill);
      };
      fill();
    };
    const events = client.watch(ConfigMap, { signal: stop.signal })[Symbol.asyncIterator]();
    await events.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(written).toBeLessThan(500);
    stop.abort();
    await events.return(undefined);
  });
});
