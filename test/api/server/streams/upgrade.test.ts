/** Streams through a real API server over TLS, with an agent of the test's own behind it. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { sleep, systemClock } from '../../../../api/meta/clock.ts';
import { createAgentClient } from '../../../../api/server/agent-client.ts';
import type { AuditRecord } from '../../../../api/server/audit.ts';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../../../api/server/pki.ts';
import { eventually } from '../../../e2e/nodeagent/machine-traces.ts';
import { type Answer, TestServer, taskDraft, tasks } from '../test-server.ts';

const protocol = 'v5.channel.k8s.io';
const audit: AuditRecord[] = [];
const identities = new Map<string, Partial<KeyPair>>();
const opened: WebSocket[] = [];
let ca: KeyPair;
let server: TestServer;
let agent: Server;
let agentClient: ReturnType<typeof createAgentClient>;
let port = 0;
/** The agent's side of the latest stream, and what it was asked. */
let behind: WebSocket;
let asked = { url: '', caller: '' };
/** What the agent answers instead of a stream. */
let refusal: { status: number; body: string } | undefined;

beforeAll(async () => {
  ca = await createCertificateAuthority();
  const issue = (commonName: string, organizations: string[] = []) =>
    issueCertificate(ca, { commonName, organizations, hosts: ['127.0.0.1'], usage: 'both', days: 1 });
  const serving = await issue('apiserver');
  const own = await issue('system:gantry-apiserver');
  identities.set('admin', await issue('gantry-admin', ['system:masters']));
  identities.set('controllers', await issue('system:gantry-controllers', ['system:gantry']));
  identities.set('node', await issue('system:node:n1', ['system:nodes']));
  identities.set('nobody', {});
  agent = await startAgent(serving);
  agentClient = createAgentClient({ cert: own.certPem, key: own.keyPem, ca: ca.certPem });
  server = await TestServer.start({
    nodeClient: agentClient,
    audit: { write: (record) => void audit.push(record), close: async () => {} },
  });
  const tls = { cert: serving.certPem, key: serving.keyPem, clientCa: ca.certPem };
  port = (await server.server.listen({ addresses: ['127.0.0.1'], port: 0, tls })).port;
  await createTask();
});
afterEach(() => {
  refusal = undefined;
  for (const socket of opened.splice(0)) socket.terminate();
});
afterAll(async () => {
  agentClient.close();
  await server.close();
  agent.closeAllConnections();
  agent.close();
});

async function startAgent({ certPem, keyPem }: KeyPair): Promise<Server> {
  const https = createServer({ cert: certPem, key: keyPem, ca: ca.certPem, requestCert: true });
  const webSockets = new WebSocketServer({ noServer: true });
  https.on('upgrade', (request, socket, head) => {
    const caller = (request.socket as TLSSocket).getPeerCertificate().subject.CN;
    asked = { url: request.url ?? '', caller: String(caller) };
    if (refusal) {
      const { status, body } = refusal;
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (stream) => {
      behind = stream;
      https.emit('stream');
    });
  });
  https.listen(0, '127.0.0.1');
  await once(https, 'listening');
  return https;
}

async function createTask(): Promise<void> {
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
}

interface Asking {
  as?: string;
  protocols?: string[];
  headers?: Record<string, string>;
}

function ask(path: string, { as = 'admin', protocols = [protocol], headers = {} }: Asking = {}): WebSocket {
  const { certPem: cert, keyPem: key } = identities.get(as) ?? {};
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, protocols, {
    ca: ca.certPem,
    headers,
    ...(cert && key ? { cert, key } : {}),
  });
  socket.on('error', () => {});
  opened.push(socket);
  return socket;
}

async function open(path: string, asking?: Asking): Promise<WebSocket> {
  const streamed = once(agent, 'stream');
  const socket = ask(path, asking);
  await once(socket, 'open');
  await streamed;
  return socket;
}

async function refused(path: string, asking?: Asking): Promise<Answer> {
  const socket = ask(path, asking);
  const [, response] = await once(socket, 'unexpected-response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) };
}

const exec = `${tasks}/t1/exec?command=ls&command=-l`;

describe('a stream', () => {
  it('goes to the agent with the identity of the API server, and is audited when it begins and when it ends', async () => {
    audit.length = 0;
    const socket = await open(`${exec}&stdin=true&unknown=1`);
    expect(socket.protocol).toBe(protocol);
    expect(asked.caller).toBe('system:gantry-apiserver');
    expect(asked.url).toMatch(
      /^\/exec\/default\/t1\/main\?uid=[0-9a-f-]{36}&command=ls&command=-l&stdin=true&stdout=true&stderr=true&tty=false$/,
    );
    const begun = { user: 'gantry-admin', verb: 'create', subresource: 'exec', name: 't1', code: 101 };
    expect(audit).toMatchObject([{ ...begun, command: ['ls', '-l'] }]);
    expect(audit[0]?.stage).toBeUndefined();
    socket.close();
    await eventually('the end is told', () => audit.length === 2);
    expect(audit[1]).toMatchObject({ ...begun, command: ['ls', '-l'], stage: 'ended' });
  });

  it('to a port says which', async () => {
    await open(`${tasks}/t1/portforward?ports=8080`);
    expect(asked.url).toMatch(/^\/portforward\/default\/t1\?uid=[0-9a-f-]{36}&ports=8080$/);
  });

  it('passes every message on unchanged, both ways, and the end with its word', async () => {
    const socket = await open(exec, { protocols: ['v4.channel.k8s.io', protocol] });
    const there = once(behind, 'message');
    socket.send(Buffer.from([0, 1, 2, 255]));
    expect((await there)[0]).toEqual(Buffer.from([0, 1, 2, 255]));
    const back = once(socket, 'message');
    behind.send(Buffer.from('\u0001out'));
    expect(String((await back)[0])).toBe('\u0001out');
    const closed = once(socket, 'close');
    behind.close(1000, 'done');
    expect((await closed).map(String)).toEqual(['1000', 'done']);
  });

  it('ends at the agent when the client is killed', async () => {
    const socket = await open(exec);
    const closed = once(behind, 'close');
    socket.terminate();
    await closed;
  });

  it('ends at the client, and says so, when the agent is killed', async () => {
    const socket = await open(exec);
    const closed = once(socket, 'close');
    behind.terminate();
    expect((await closed)[0]).toBe(1011);
  });

  it('ends when a message is larger than 1 MiB', async () => {
    const socket = await open(exec);
    const [here, there] = [once(socket, 'close'), once(behind, 'close')];
    socket.send(Buffer.alloc(1024 * 1024 + 1));
    expect((await here)[0]).toBe(1009);
    await there;
  });

  it('is not read for a side that does not read', async () => {
    const socket = await open(exec);
    behind.pause();
    const frame = Buffer.alloc(256 * 1024);
    let sent = 0;
    const total = 200;
    for (let count = 0; count < total; count++) socket.send(frame, () => sent++);
    await sleep(systemClock, 500);
    expect(sent).toBeLessThan(total - 50);
    behind.resume();
    for (let received = 0; received < total; received++) await once(behind, 'message');
    expect(sent).toBe(total);
  });
});

describe('a stream is refused in HTTP, and the connection closed,', () => {
  it.each<[string, string, number, Asking?]>([
    ['to nobody', exec, 401, { as: 'nobody' }],
    ['to controllers', exec, 403, { as: 'controllers' }],
    ['to the node itself', exec, 403, { as: 'node' }],
    ['to a page of another origin', exec, 403, { headers: { origin: 'https://evil.example' } }],
    ['with impersonation', exec, 403, { headers: { 'impersonate-user': 'x' } }],
    ['without a command', `${tasks}/t1/exec`, 400],
    ['for a flag that is none', `${exec}&tty=maybe`, 400],
    ['for another container', `${exec}&container=other`, 400],
    ['for a task without a node', `${tasks}/unbound/exec?command=ls`, 400],
    ['for a task that is not there', `${tasks}/none/exec?command=ls`, 404],
    ['for another kind', '/api/v1/nodes/n1/exec?command=ls', 404],
    ['without a port', `${tasks}/t1/portforward`, 400],
    ['with two ports', `${tasks}/t1/portforward?ports=1&ports=2`, 400],
    ['in another protocol', exec, 400, { protocols: ['v1.channel.k8s.io'] }],
    ['in none', exec, 400, { protocols: [] }],
  ])('%s', async (_case, path, status, asking) => {
    const answer = await refused(path, asking);
    expect(answer.status).toBe(status);
    expect(answer.headers['connection']).toBe('close');
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code: status });
  });

  it('with the words of the agent', async () => {
    refusal = {
      status: 409,
      body: JSON.stringify({ kind: 'Status', reason: 'Conflict', message: 'not running', code: 409 }),
    };
    expect((await refused(exec)).body).toMatchObject({ reason: 'Conflict', message: 'not running' });
  });

  it('when the agent talks nonsense', async () => {
    refusal = { status: 500, body: '<html>' };
    expect((await refused(exec)).status).toBe(500);
  });

  it.each([
    ['an older SPDY', 'Upgrade: SPDY/2\r\nConnection: Upgrade\r\n', 'websocket'],
    ['SPDY of no protocol', 'Upgrade: SPDY/3.1\r\nConnection: Upgrade\r\n', 'x-stream-protocol-version'],
    ['no upgrade at all', 'Connection: close\r\n', 'websocket'],
    ['an upgrade that is none', 'Upgrade: websocket\r\nConnection: close\r\n', 'websocket'],
  ])('with %s', async (_case, headers, word) => {
    const answer = await rawAnswer(`GET ${exec} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain(word);
  });

  it('and nothing after the refusal is taken for more', async () => {
    const smuggled = 'GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n';
    const upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
    const answer = await rawAnswer(
      `GET ${tasks}/none/exec?command=x HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n${smuggled}`,
    );
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('when the handshake is none, and the agent is let go', async () => {
    const streamed = once(agent, 'stream');
    const answer = rawAnswer(
      `GET ${exec} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Protocol: ${protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bad\r\n\r\n`,
    );
    await streamed;
    if (behind.readyState !== behind.CLOSED) await once(behind, 'close');
    expect(await answer).toMatch(/^HTTP\/1.1 400 /);
  });
});

it('other requests with an upgrade are answered, and the connection closed', async () => {
  const answer = await rawAnswer(
    'GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
  );
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(answer).toContain('"kind":"NodeList"');
});

it('a port that nobody serves TLS on leaves the server as it was', async () => {
  const socket = connectTcp(port, '127.0.0.1');
  socket.end('\0\0\0garbage');
  await once(socket, 'close');
  expect((await refused(`${tasks}/none/exec?command=ls`)).status).toBe(404);
});

it('a server that closes ends its streams', async () => {
  const own = await TestServer.start({ nodeClient: agentClient, store: server.store });
  const serving = await issueCertificate(ca, {
    commonName: 'apiserver',
    organizations: [],
    hosts: ['127.0.0.1'],
    usage: 'server',
    days: 1,
  });
  const tls = { cert: serving.certPem, key: serving.keyPem, clientCa: ca.certPem };
  const usual = port;
  port = (await own.server.listen({ addresses: ['127.0.0.1'], port: 0, tls })).port;
  const socket = await open(exec).finally(() => {
    port = usual;
  });
  const closed = once(socket, 'close');
  await own.server.close();
  await closed;
});

async function rawAnswer(request: string): Promise<string> {
  const { certPem: cert = '', keyPem: key = '' } = identities.get('admin') ?? {};
  const socket = connectTls({ host: '127.0.0.1', port, ca: ca.certPem, cert, key });
  await once(socket, 'secureConnect');
  socket.write(request);
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}
