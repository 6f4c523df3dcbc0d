/**
 * Transport over node:https with kept-alive connections (not fetch: that costs every process start).
 *
 * Invariant: a request that may change something is sent at most once. One that only reads is sent again,
 * once, when a kept connection turns out to be dead.
 */
import type { IncomingMessage } from 'node:http';
import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { ApiError } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { DeadConnection, HttpsExchange } from './https-exchange.ts';
import type { Transport, TransportAnswer, TransportRequest, TransportStream } from './transport.ts';

export interface HttpsTransportOptions {
  config: ClusterConfig;
  /** A request (for streams: its head) must be answered in this time; default 30 s. */
  deadlineMs?: number;
  /** Connections at once; more requests wait. Default 256. */
  maxConnections?: number;
  clock?: Clock;
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

  #send({ method, path, headers, body, signal }: TransportRequest): HttpsExchange {
    if (signal?.aborted) throw new ApiError('Timeout', 'the caller gave the request up');
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const outgoing = httpsRequest({
      agent: this.#agent,
      host: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port || 443,
      path: this.#base.pathname.replace(/\/$/, '') + path,
      method,
      headers: { ...headers, ...this.#authorization, ...length },
    });
    return new HttpsExchange(outgoing, { body, signal, deadlineMs: this.#deadlineMs, clock: this.#clock });
  }
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
async function* chunksOf(incoming: IncomingMessage, exchange: HttpsExchange): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of incoming) yield chunk as Buffer;
  } catch (error) {
    throw exchange.explain(error);
  } finally {
    exchange.release();
    exchange.destroy();
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
