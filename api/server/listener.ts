/**
 * The socket side: fastify over TLS with one catch-all route. It knows limits and bytes, nothing of the API:
 * every request goes to `handle`, every answer is written as it comes, as fast as the client reads.
 */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { ApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import { SharedChunks } from './chunked-coding.ts';
import { maxBodyBytes } from './decode-body.ts';
import { PatientWriter } from './patient-writer.ts';
import type { ApiRequest, ApiResponse } from './request.ts';
import { StreamGate } from './streams/upgrade.ts';

export interface ListenOptions {
  /** Addresses to bind; the same port on each. */
  addresses: readonly string[];
  /** 0: any free port. */
  port: number;
  /** PEM. */
  tls: { cert: string; key: string; clientCa: string };
  patience?: Patience;
}

/** How long a client may take, in milliseconds. */
export interface Patience {
  /** To send the headers of a request. */
  headersMs: number;
  /** To send all of it. */
  requestMs: number;
  /** To read on, while an answer waits. */
  readMs: number;
}

const usualPatience: Patience = { headersMs: 10_000, requestMs: 30_000, readMs: 60_000 };

export interface Listener {
  port: number;
  close(): Promise<void>;
}

type Handle = (request: ApiRequest) => Promise<ApiResponse>;

const maxConnections = 20_000;
/** Of a body that is refused: so much is read to its end before the refusal. */
const maxDiscardedBytes = 16 * 1024 * 1024;
/** Followed logs have no end of their own. */
const drainMs = 3000;
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

export async function listen(handle: Handle, clock: Clock, options: ListenOptions): Promise<Listener> {
  const servers: FastifyInstance[] = [];
  const streams = new StreamGate(handle, clock);
  let { port } = options;
  try {
    for (const host of options.addresses) {
      const server = createServer(handle, clock, options);
      acceptStreams(server, streams);
      servers.push(server);
      await server.listen({ host, port });
      port = (server.server.address() as AddressInfo).port;
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    throw error;
  }
  return {
    port,
    async close() {
      streams.close();
      await Promise.all(servers.map((server) => drain(server, clock)));
    },
  };
}

function acceptStreams({ server }: FastifyInstance, streams: StreamGate): void {
  server.on('upgrade', (raw, socket, head) => {
    const request = new SocketRequest(raw, {
      url: raw.url ?? '/',
      body: Buffer.alloc(0),
      connection: socket,
    });
    request.mayUpgrade = true;
    void streams.accept({ request, raw, socket, head });
  });
}

/** No new connections; requests under way may finish, until the patience for them is over. */
async function drain(server: FastifyInstance, clock: Clock): Promise<void> {
  const force = clock.after(drainMs, () => server.server.closeAllConnections());
  await server.close();
  force.cancel();
}

function createServer(
  handle: Handle,
  clock: Clock,
  { tls: { cert, key, clientCa }, patience = usualPatience }: ListenOptions,
): FastifyInstance {
  const server = Fastify({
    https: {
      cert,
      key,
      ca: clientCa,
      // A certificate is one way to say who one is; without a valid one the authenticator decides.
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: 10_000,
      headersTimeout: patience.headersMs,
      // How often both limits are looked at; Node's own 30 s would make the shorter one mean nothing.
      connectionsCheckingInterval: patience.headersMs / 10,
      maxHeaderSize: 16 * 1024,
    },
    requestTimeout: patience.requestMs,
    keepAliveTimeout: 75_000,
    bodyLimit: maxBodyBytes,
    forceCloseConnections: 'idle',
    // One route: the API reads the raw path itself.
    rewriteUrl: () => '/',
    exposeHeadRoutes: false,
    logger: false,
  }) as unknown as FastifyInstance;
  server.server.maxConnections = maxConnections;
  server.server.maxHeadersCount = 100;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.setErrorHandler(async (error, { raw }, reply) => {
    await discardRest(raw);
    return sendStatus(reply, transportError(error));
  });
  const chunks = new SharedChunks();
  server.route({
    method: [...methods],
    url: '/',
    handler: async (request, reply) => {
      reply.hijack();
      await answer(handle, request, new PatientWriter(reply.raw, { clock, chunks, readMs: patience.readMs }));
    },
  });
  return server;
}

async function answer(
  handle: Handle,
  { raw, originalUrl, body }: FastifyRequest,
  writer: PatientWriter,
): Promise<void> {
  const { response } = writer;
  const result = await handle(
    new SocketRequest(raw, {
      url: originalUrl,
      body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
      connection: response,
    }),
  );
  if (response.destroyed) return;
  const { status, headers, body: answerBody } = result;
  if (Buffer.isBuffer(answerBody)) {
    response.writeHead(status, { ...headers, 'content-length': answerBody.length });
    response.end(answerBody);
    return;
  }
  response.writeHead(status, headers);
  response.flushHeaders();
  try {
    for await (const chunk of answerBody) {
      if (response.destroyed) return;
      await writer.write(chunk);
    }
    response.end();
  } catch {
    // Half an answer cannot become an error any more; a broken connection says that it is not whole.
    response.destroy();
  }
}

/** What tells that the client has gone away. */
interface Connection {
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** A request as it came over a socket. */
class SocketRequest implements ApiRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: ApiRequest['headers'];
  readonly body: Buffer;
  readonly certificate?: { commonName: string; organizations: string[] };
  mayUpgrade?: boolean;
  readonly #connection: Connection;
  #signal: AbortSignal | undefined;

  constructor(
    raw: IncomingMessage,
    { url, body, connection }: { url: string; body: Buffer; connection: Connection },
  ) {
    this.method = raw.method ?? '';
    this.url = url;
    this.headers = raw.headers as ApiRequest['headers'];
    this.body = body;
    this.#connection = connection;
    const certificate = certificateOf(raw.socket as TLSSocket);
    if (certificate) this.certificate = certificate;
  }

  /** Made when somebody looks: most requests are over before a client could go away. */
  get signal(): AbortSignal {
    if (this.#signal) return this.#signal;
    const controller = new AbortController();
    if (this.#connection.destroyed) controller.abort();
    else this.#connection.once('close', () => controller.abort());
    this.#signal = controller.signal;
    return this.#signal;
  }
}

const subject = Symbol('subject of the client certificate');

type SocketWithSubject = TLSSocket & { [subject]?: ApiRequest['certificate'] | null };

/** Read once per connection. Only a certificate that our CA signed says anything. */
function certificateOf(socket: SocketWithSubject): ApiRequest['certificate'] {
  if (socket[subject] === undefined) socket[subject] = socket.authorized ? readSubject(socket) : null;
  return socket[subject] ?? undefined;
}

function readSubject(socket: TLSSocket): ApiRequest['certificate'] | null {
  const { CN, O } = socket.getPeerCertificate().subject ?? {};
  if (typeof CN !== 'string') return null;
  const organizations = O === undefined ? [] : [O].flat();
  return { commonName: CN, organizations };
}

function transportError(error: unknown): ApiError {
  const code = (error as { code?: string }).code ?? '';
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${maxBodyBytes} bytes`);
  return new ApiError('BadRequest', 'the request could not be read');
}

/**
 * Reads on, to forget it, what the client is still sending: it reads no answer before it has sent all, and
 * closing on it would look like a broken connection. Resolves at the end, or when it has been enough.
 */
function discardRest(raw: IncomingMessage): Promise<void> {
  if (raw.complete || raw.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    raw.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxDiscardedBytes) resolve();
    });
    raw.once('end', resolve);
    raw.once('close', resolve);
    raw.resume();
  });
}

function sendStatus(reply: FastifyReply, error: ApiError): void {
  void reply
    .code(error.status)
    .header('content-type', 'application/json')
    .send(JSON.stringify(error.toStatus()));
}
