/**
 * The agent's own HTTPS server, for the API server and administrators. Mutual TLS: no request is looked
 * at before the caller's certificate is.
 *
 *   GET /logs/{namespace}/{task}/{container}   GET|PUT|POST /images…   GET /healthz   GET /metrics
 *   GET /stats/summary   GET /metrics/resource   (usage: stats/usage-sampler.ts)
 *   GET /blobs/{digest}   parts of images: for other nodes, who get nothing else
 *   GET /exec/…   GET /attach/…   GET /portforward/…   (WebSockets: streams/stream-server.ts)
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import { isDigest } from '../api/kinds/image-digest.ts';
import { ApiError, asApiError } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { refusalText } from '../api/meta/stream-requests.ts';
import type { BlobUploads } from './images/blob-uploads.ts';
import type { ImageRequests } from './images/image-requests.ts';
import { readStarts, type StartsQuery } from './logs/log-starts.ts';
import type { Runtime } from './runtime/runtime.ts';
import { agentMetrics } from './stats/agent-metrics.ts';
import type { StatsServer } from './stats/stats-server.ts';
import type { StreamServer } from './streams/stream-server.ts';
import { type ContainerRecord, containerRecordOf, type TaskRecord } from './task/task-record.ts';

export interface AgentServerOptions {
  tls: { ca: string; cert: string; key: string };
  runtime: Pick<Runtime, 'logRotation'>;
  records: () => TaskRecord[];
  logDirectory: string;
  images: Pick<ImageRequests, 'answer'>;
  blobs: Pick<BlobUploads, 'send'>;
  /** What is used; without it, nothing is measured here. */
  stats?: Pick<StatsServer, 'summary' | 'resourceMetrics'>;
  /** Commands and ports; without it, requests for them find nothing. */
  streams?: StreamServer;
  logger: Logger;
  clock?: Clock;
}

const apiServerName = 'system:gantry-apiserver';
const adminGroup = 'system:masters';
const nodeGroup = 'system:nodes';
const blobPrefix = '/blobs/';

export class AgentServer {
  readonly #options: AgentServerOptions;
  readonly #server: Server;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    const tls = {
      ...options.tls,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2' as const,
    };
    this.#server = createServer(tls, (request, response) => void this.#handle(request, response));
    const { streams } = options;
    if (streams)
      this.#server.on('upgrade', (request, socket, head) => upgrade(streams, request, socket, head));
  }

  /** Gives the port it listens on; 0 asks for a free one. */
  async listen(address: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, address, resolve);
    });
    const bound = this.#server.address();
    return typeof bound === 'object' && bound ? bound.port : port;
  }

  async close(): Promise<void> {
    await this.#options.streams?.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const socket = request.socket as TLSSocket;
      if (!isTrusted(socket) && !(isNode(socket) && isForNodes(request))) throw untrusted();
      await this.#route(request, response);
    } catch (error) {
      this.#fail(response, error);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://node');
    const path = url.pathname.split('/').slice(1).map(decoded);
    const route = `${request.method} /${path[0]}`;
    if (route === 'GET /logs' && path.length === 4)
      return this.#logs(path.slice(1), url.searchParams, request, response);
    if (path[0] === 'images')
      return this.#options.images.answer(`${request.method} /${path.join('/')}`, {
        ...{ query: url.searchParams, request, response },
      });
    if (route === 'GET /blobs' && path.length === 2) return this.#options.blobs.send(path[1] ?? '', response);
    if (route === 'GET /healthz') return void response.end('ok');
    if (route === 'GET /stats' && path[1] === 'summary') return this.#summary(response);
    if (route === 'GET /metrics') return this.#metrics(path[1], response);
    throw new ApiError('NotFound', `no such path on a node agent: ${url.pathname}`);
  }

  async #logs(
    [namespace = '', task = '', container = '']: string[],
    parameters: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const uid = parameters.get('uid');
    const record = this.#options
      .records()
      .find(
        ({ task: { metadata }, uid: held }) =>
          metadata.namespace === namespace && metadata.name === task && (!uid || uid === held),
      );
    if (!record)
      throw new ApiError('NotFound', `task ${namespace}/${task} is not on this node: its logs are gone`);
    const containerRecord = containerRecordOf(record, container);
    const clock = this.#options.clock ?? systemClock;
    const start = startAskedFor(record, containerRecord, parameters.get('previous') === 'true');
    const query = { ...logQuery(parameters, clock), start };
    const closed = new AbortController();
    response.once('close', () => closed.abort());
    request.once('aborted', () => closed.abort());
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    // Whoever follows wants to know at once that he is connected.
    response.flushHeaders();
    const reading = { place: this.#options, signal: closed.signal, clock };
    await pipeline(
      Readable.from(readStarts({ record, container: containerRecord }, query, reading)),
      response,
    );
  }

  async #summary(response: ServerResponse): Promise<void> {
    sendJson(response, 200, await this.#stats().summary());
  }

  async #metrics(part: string | undefined, response: ServerResponse): Promise<void> {
    const text =
      part === 'resource' ? await this.#stats().resourceMetrics() : agentMetrics(this.#options.records());
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(text);
  }

  #stats(): NonNullable<AgentServerOptions['stats']> {
    const { stats } = this.#options;
    if (stats) return stats;
    throw new ApiError('NotFound', 'this agent measures no usage: its tasks are plain processes');
  }

  #fail(response: ServerResponse, error: unknown): void {
    const apiError = asApiError(error);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (apiError.reason === 'InternalError') this.#options.logger.warn({ err: error }, 'request failed');
    sendJson(response, apiError.status, apiError.toStatus());
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ApiError('BadRequest', `the path has a broken escape: ${part}`);
  }
}

function upgrade(streams: StreamServer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (isTrusted(request.socket as TLSSocket)) streams.accept(request, socket, head);
  else socket.end(refusalText(untrusted()));
}

function untrusted(): ApiError {
  return new ApiError('Forbidden', 'only the API server and administrators may call a node agent');
}

function isTrusted(socket: TLSSocket): boolean {
  const { subject } = socket.getPeerCertificate();
  const groups: string[] = [subject?.O ?? []].flat();
  return socket.authorized && (subject?.CN === apiServerName || groups.includes(adminGroup));
}

function isNode(socket: TLSSocket): boolean {
  const { subject } = socket.getPeerCertificate();
  return socket.authorized && [subject?.O ?? []].flat().includes(nodeGroup);
}

function isForNodes({ method, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && url.startsWith(blobPrefix) && isDigest(url.slice(blobPrefix.length));
}

/** Which start's log is wanted: the newest, or the one before it. Throws ApiError BadRequest when there is none. */
function startAskedFor(
  { task }: TaskRecord,
  { name, starts, life }: ContainerRecord,
  previous: boolean,
): number {
  if (starts === 0) {
    const why = life.state === 'waiting' ? life.reason : 'ContainerCreating';
    throw new ApiError(
      'BadRequest',
      `container ${name} of task ${task.metadata.name} is waiting to start: ${why}`,
    );
  }
  const start = previous ? starts - 2 : starts - 1;
  if (start >= 0) return start;
  throw new ApiError('BadRequest', `container ${name} was not restarted: there is no previous log`);
}

function logQuery(parameters: URLSearchParams, clock: Clock): Omit<StartsQuery, 'start'> {
  const number = (name: string): number | undefined => {
    const text = parameters.get(name);
    if (text === null) return undefined;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new ApiError('BadRequest', `${name} must be a whole number, not ${JSON.stringify(text)}`);
  };
  const sinceSeconds = number('sinceSeconds');
  const sinceTime = parameters.get('sinceTime');
  const sinceMs = sinceTime === null ? undefined : Date.parse(sinceTime);
  if (Number.isNaN(sinceMs)) throw new ApiError('BadRequest', 'sinceTime must be an RFC 3339 time');
  if (sinceSeconds !== undefined && sinceTime !== null)
    throw new ApiError('BadRequest', 'only one of sinceSeconds and sinceTime may be given');
  const since = sinceSeconds === undefined ? sinceMs : clock.now() - sinceSeconds * 1000;
  const tailLines = number('tailLines');
  const limitBytes = number('limitBytes');
  return {
    follow: parameters.get('follow') === 'true',
    restarts: parameters.get('followRestarts') === 'true',
    timestamps: parameters.get('timestamps') === 'true',
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(since === undefined ? {} : { sinceMs: since }),
  };
}
