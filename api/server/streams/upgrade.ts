/**
 * Sockets whose request asks for an upgrade. The request takes the way of every other one; only its
 * answer differs: a stream to an agent, to which the socket is joined, or a refusal in plain HTTP.
 *
 * Invariant: a refused socket is closed, so that nothing after the refusal is ever taken for more
 * (CVE-2018-1002105).
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { ApiError } from '../../meta/api-error.ts';
import type { Clock } from '../../meta/clock.ts';
import { maxFrameBytes } from '../../meta/stream-channels.ts';
import { refusalText } from '../../meta/stream-requests.ts';
import type { ApiRequest, ApiResponse } from '../request.ts';
import { relay } from './relay.ts';

export interface Upgrade {
  request: ApiRequest;
  raw: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

type Handle = (request: ApiRequest) => Promise<ApiResponse>;

const maxStreams = 1000;
const retryAfterSeconds = 1;
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
    const { request, raw, socket } = upgrade;
    if (!isSameOrigin(request))
      throw new ApiError('Forbidden', 'a page of another origin may open no streams');
    const { status, headers, body, stream } = await this.#handle(request);
    if (!stream) return answerPlainly(socket, { status, headers, body });
    const client = await this.#upgrade({ ...upgrade, raw: agreed(raw, headers) });
    if (client) await relay(client, stream, { clock: this.#clock, idleMs });
    else stream.terminate();
  }

  /** Resolves with nothing when the client went away, or its handshake was none. */
  #upgrade({ raw, socket, head }: Upgrade): Promise<WebSocket | undefined> {
    return new Promise((resolve) => {
      socket.once('close', () => resolve(undefined));
      if (socket.destroyed) return resolve(undefined);
      this.#webSockets.handleUpgrade(raw, socket, head, (client) => {
        client.pause();
        resolve(client);
      });
    });
  }
}

function tooMany(): ApiError {
  return new ApiError('TooManyRequests', `${maxStreams} streams are open, please try again later`, {
    retryAfterSeconds,
  });
}

/** The handshake is to answer with the protocol that the agent speaks now. */
function agreed(raw: IncomingMessage, headers: ApiResponse['headers']): IncomingMessage {
  raw.headers['sec-websocket-protocol'] = String(headers['sec-websocket-protocol']);
  return raw;
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
