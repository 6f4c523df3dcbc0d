/**
 * Sockets whose request asks for an upgrade. The request takes the way of every other one; only its
 * answer differs: a stream to an agent, to which the socket is joined, or a refusal in plain HTTP.
 *
 * Invariant: a refused socket is closed, so that nothing after the refusal is ever taken for more
 * (CVE-2018-1002105).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { ApiError } from '../../meta/api-error.ts';
import type { Clock } from '../../meta/clock.ts';
import { maxFrameBytes } from '../../meta/stream-channels.ts';
import { refusalText } from '../../meta/stream-requests.ts';
import type { ApiRequest, ApiResponse } from '../request.ts';
import { type RelayOptions, relay } from './relay.ts';
import { SpdyChannels } from './spdy-channels.ts';
import { SpdyPorts } from './spdy-ports.ts';
import { SpdySession } from './spdy-session.ts';
import type { SpdyStream } from './spdy-stream.ts';
import type { AgentSide } from './transport.ts';
import { keepAlive, WebSocketStream } from './web-socket-stream.ts';

export interface Upgrade {
  request: ApiRequest;
  raw: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

type Handle = (request: ApiRequest) => Promise<ApiResponse>;

const maxStreams = 1000;
const retryAfterSeconds = 1;
const openTimeoutMs = 30_000;
/** Error, standard input and outputs, sizes; and one that is too many. */
const maxCommandStreams = 6;
const maxPortStreams = 256;
const idleMs = 4 * 3600 * 1000;

export class StreamGate {
  readonly #handle: Handle;
  readonly #clock: Clock;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
  });
  readonly #open = new Set<Duplex>();

  constructor(handle: Handle, clock: Clock) {
    this.#handle = handle;
    this.#clock = clock;
  }

  /** Resolves when the socket is closed; never rejects. */
  async accept(upgrade: Upgrade): Promise<void> {
    const { socket } = upgrade;
    socket.on('error', () => socket.destroy());
    if (this.#open.size >= maxStreams) return refuse(socket, tooMany());
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    try {
      await this.#serve(upgrade);
    } catch (error) {
      refuse(socket, error instanceof ApiError ? error : new ApiError('InternalError', 'the stream failed'));
    }
  }

  /** Ends all streams. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async #serve(upgrade: Upgrade): Promise<void> {
    const { request, socket } = upgrade;
    if (!isSameOrigin(request))
      throw new ApiError('Forbidden', 'a page of another origin may open no streams');
    const { status, headers, body, stream, onStreamEnd } = await this.#handle(request);
    if (!stream) return answerPlainly(socket, { status, headers, body });
    try {
      await this.#join(upgrade, headers, stream);
    } finally {
      onStreamEnd?.();
    }
  }

  /** Resolves when the stream is over. */
  async #join(upgrade: Upgrade, headers: ApiResponse['headers'], stream: AgentSide): Promise<void> {
    if (stream.over === 'spdy') return this.#serveSpdy(upgrade, headers, stream);
    if (stream.over === 'spdy ports') return this.#servePorts(openSpdy(upgrade, headers), stream.open);
    const client = await this.#upgrade(upgrade, String(headers['sec-websocket-protocol']));
    if (stream.over === 'spdy ports tunnel')
      return client && this.#servePorts(createWebSocketStream(client), stream.open);
    if (!client) return stream.agent.terminate();
    keepAlive(client, this.#clock);
    await relay(new WebSocketStream(client), new WebSocketStream(stream.agent), this.#relaying);
  }

  /** A command's streams come one by one; it waits for all that belong to the request. */
  async #serveSpdy(
    upgrade: Upgrade,
    headers: ApiResponse['headers'],
    { agent, request }: Extract<AgentSide, { over: 'spdy' }>,
  ): Promise<void> {
    const options = { clock: this.#clock, maxStreams: maxCommandStreams };
    const session = new SpdySession(openSpdy(upgrade, headers), {
      ...options,
      onStream: (stream) => client.accept(stream),
    });
    const client = new SpdyChannels(session, request);
    const serving = session.serve().then(() => client.connectionClosed());
    const late = this.#clock.after(openTimeoutMs, () => session.destroy());
    const isComplete = await client.complete;
    late.cancel();
    if (isComplete) await relay(client, new WebSocketStream(agent), this.#relaying);
    else agent.terminate();
    await serving;
  }

  #servePorts(socket: Duplex, open: (port: number) => Promise<WebSocket>): Promise<void> {
    const ports = new SpdyPorts({
      open: async (port) => new WebSocketStream(await open(port)),
      join: (client, agent) => relay(client, agent, this.#relaying),
    });
    const onStream = (stream: SpdyStream): boolean => ports.accept(stream);
    return new SpdySession(socket, { clock: this.#clock, maxStreams: maxPortStreams, onStream }).serve();
  }

  get #relaying(): RelayOptions {
    return { clock: this.#clock, idleMs };
  }

  /** Resolves with nothing when the client went away, or its handshake was none. */
  #upgrade({ raw, socket, head }: Upgrade, protocol: string): Promise<WebSocket | undefined> {
    // ws takes no slash in a protocol's name, as kubectl's has one: it is told of none, and the answer given by hand.
    delete raw.headers['sec-websocket-protocol'];
    const answer = (lines: string[]): void => void lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    return new Promise((resolve) => {
      socket.once('close', () => resolve(undefined));
      if (socket.destroyed) return resolve(undefined);
      this.#webSockets.once('headers', answer);
      this.#webSockets.handleUpgrade(raw, socket, head, (client) => {
        client.pause();
        resolve(client);
      });
      this.#webSockets.off('headers', answer);
    });
  }
}

/** Answers the handshake by hand, and gives the connection from its first byte on. */
function openSpdy({ socket, head }: Upgrade, headers: ApiResponse['headers']): Duplex {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
  if (head.length > 0) socket.unshift(head);
  return socket;
}

function tooMany(): ApiError {
  return new ApiError('TooManyRequests', `${maxStreams} streams are open, please try again later`, {
    retryAfterSeconds,
  });
}

/** A browser shows its client certificate to whatever page asks; programs send no origin. */
function isSameOrigin({ headers: { origin, host } }: ApiRequest): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

/** Anything but a stream was asked for, with a header nobody needs. */
function answerPlainly(socket: Duplex, { status, headers, body }: ApiResponse): void {
  if (!Buffer.isBuffer(body)) {
    refuse(socket, new ApiError('BadRequest', 'this request cannot be combined with an upgrade'));
    return;
  }
  const lines = Object.entries({ ...headers, 'content-length': body.length, connection: 'close' });
  const head = lines.map(([name, value]) => `${name}: ${[value].flat().join(', ')}`).join('\r\n');
  socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${status} -\r\n${head}\r\n\r\n`), body]));
}

function refuse(socket: Duplex, error: ApiError): void {
  if (!socket.destroyed) socket.end(refusalText(error));
}
