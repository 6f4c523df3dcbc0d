/**
 * Transport over node:https with kept-alive connections (not fetch: that costs every process start).
 *
 * Invariant: a request that may change something is sent at most once. One that only reads is sent again,
 * once, when a kept connection turns out to be dead.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { ApiError } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { Transport, TransportAnswer, TransportRequest, TransportStream } from './transport.ts';

export interface HttpsTransportOptions {
  config: ClusterConfig;
  /** A request (for streams: its head) must be answered in this time; default 30 s. */
  deadlineMs?: number;
  /** Connections at once; more requests wait. Default 256. */
  maxConnections?: number;
  clock?: Clock;
}

/** A request under way: its answer's head, and whether any of it may have reached the server. */
interface Exchange {
  outgoing: ClientRequest;
  head: Promise<IncomingMessage>;
  /** Turns whatever broke the exchange into an ApiError. */
  explain(error: unknown): ApiError;
  /** Stops listening to the signal and the deadline. */
  release(): void;
  /** The deadline no longer counts. */
  cancelDeadline(): void;
}

export class HttpsTransport implements Transport {
  readonly #agent: Agent;
  readonly #base: URL;
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  readonly #authorization: Record<string, string>;

  constructor({
    config,
    deadlineMs = 30_000,
    maxConnections = 256,
    clock = systemClock,
  }: HttpsTransportOptions) {
    this.#base = serverUrl(config.server);
    this.#agent = new Agent(agentOptions(config, maxConnections));
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
    this.#authorization = config.token ? { authorization: `Bearer ${config.token}` } : {};
  }

  async request(request: TransportRequest): Promise<TransportAnswer> {
    try {
      return await this.#requestOnce(request);
    } catch (error) {
      if (!(error instanceof DeadConnection)) throw error;
      return this.#requestOnce(request);
    }
  }

  async stream(request: TransportRequest): Promise<TransportStream> {
    const exchange = this.#send(request);
    try {
      const incoming = await exchange.head;
      exchange.cancelDeadline();
      return { ...headOf(incoming), chunks: chunksOf(incoming, exchange) };
    } catch (error) {
      exchange.release();
      throw exchange.explain(error);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #requestOnce(request: TransportRequest): Promise<TransportAnswer> {
    const exchange = this.#send(request);
    try {
      const incoming = await exchange.head;
      return { ...headOf(incoming), body: await bodyOf(incoming) };
    } catch (error) {
      throw exchange.explain(error);
    } finally {
      exchange.release();
    }
  }

  #send({ method, path, headers, body, signal }: TransportRequest): Exchange {
    if (signal?.aborted) throw new ApiError('Timeout', 'the caller gave the request up');
    const outgoing = httpsRequest({
      agent: this.#agent,
      host: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port || 443,
      path: this.#base.pathname.replace(/\/$/, '') + path,
      method,
      headers: {
        ...headers,
        ...this.#authorization,
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      },
    });
    const reads = method === 'GET' || method === 'HEAD';
    const connection = watchConnection(outgoing);
    // Kept, because node:http reports its own error when an answer under way is cut off.
    let gaveUp: ApiError | undefined;
    const giveUp = (why: string): void => {
      gaveUp = new ApiError('Timeout', why);
      outgoing.destroy(gaveUp);
    };
    const deadline = this.#clock.after(this.#deadlineMs, () =>
      giveUp(`no answer from ${this.#base.host} in ${this.#deadlineMs} ms`),
    );
    const abort = (): void => giveUp('the caller gave the request up');
    signal?.addEventListener('abort', abort, { once: true });
    const head = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve);
      // Stays for good: a connection may also break after its answer, when nobody waits any more.
      outgoing.on('error', reject);
    });
    outgoing.end(body);
    return {
      outgoing,
      head,
      cancelDeadline: () => deadline.cancel(),
      release: () => {
        deadline.cancel();
        signal?.removeEventListener('abort', abort);
      },
      explain: (error) => gaveUp ?? explain(error, connection, { reads, host: this.#base.host }),
    };
  }
}

/** A kept connection had died before a request that only reads got its answer: safe to send again. */
class DeadConnection extends ApiError {}

interface Connection {
  /** The connection stood, so the server may have seen the request. */
  readonly sent: boolean;
  readonly reused: boolean;
}

function watchConnection(outgoing: ClientRequest): Connection {
  const state = { sent: false };
  outgoing.once('socket', (socket) => {
    if (outgoing.reusedSocket || !socket.connecting) state.sent = true;
    else socket.once('secureConnect', () => (state.sent = true));
  });
  return {
    get sent() {
      return state.sent;
    },
    get reused() {
      return outgoing.reusedSocket;
    },
  };
}

function explain(
  error: unknown,
  { sent, reused }: Connection,
  { reads, host }: { reads: boolean; host: string },
): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  const message = `cannot reach ${host}: ${error instanceof Error ? error.message : String(error)}`;
  if (reads && reused && (code === 'ECONNRESET' || code === 'EPIPE')) {
    return new DeadConnection('ServiceUnavailable', message, {}, error);
  }
  if (reads || !sent) return new ApiError('ServiceUnavailable', message, {}, error);
  return new ApiError(
    'Timeout',
    `the connection to ${host} broke before the answer came (${code}); the request may have taken effect`,
    {},
    error,
  );
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code ?? 'unknown';
}

function headOf({ statusCode = 0, headers }: IncomingMessage) {
  return { status: statusCode, headers };
}

function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    incoming.once('error', reject);
  });
}

/** Reading slower than the server sends stops the socket: nothing piles up. Leaving early closes the connection. */
async function* chunksOf(incoming: IncomingMessage, exchange: Exchange): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of incoming) yield chunk as Buffer;
  } catch (error) {
    throw exchange.explain(error);
  } finally {
    exchange.release();
    exchange.outgoing.destroy();
  }
}

function serverUrl(server: string): URL {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== 'https:') {
    throw new ApiError('BadRequest', `server must be an https URL, not ${JSON.stringify(server)}`);
  }
  return url;
}

function agentOptions(config: ClusterConfig, maxConnections: number): AgentOptions {
  return {
    keepAlive: true,
    maxSockets: maxConnections,
    maxFreeSockets: maxConnections,
    scheduling: 'lifo',
    rejectUnauthorized: !config.insecureSkipTlsVerify,
    // Made once: given as PEM, it would be parsed for each connection and be part of each request's pool key.
    secureContext: secureContextOf(config),
    ...(config.tlsServerName ? { servername: config.tlsServerName } : {}),
  };
}

function secureContextOf({ ca, clientCertificate, clientKey }: ClusterConfig): SecureContext {
  try {
    return createSecureContext({
      ...(ca ? { ca } : {}),
      ...(clientCertificate ? { cert: clientCertificate } : {}),
      ...(clientKey ? { key: clientKey } : {}),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ApiError('BadRequest', `the certificates of this cluster's configuration are unusable: ${why}`);
  }
}
