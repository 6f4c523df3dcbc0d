/**
 * One end of a stream to a running task: frames in and frames out over a WebSocket, for the CLI and for
 * the node agent alike.
 *
 * Invariant: memory is bounded both ways. What is read too slowly stops the socket; `send` resolves when
 * the kernel has taken the bytes.
 */
import { on } from 'node:events';
import type { WebSocket } from 'ws';
import { ApiError, asApiError } from '../api/meta/api-error.ts';
import type { Clock, Timer } from '../api/meta/clock.ts';
import {
  closeFrame,
  decodeFrame,
  encodeFrame,
  type Frame,
  maxFrameBytes,
} from '../api/meta/stream-channels.ts';

/** What both ends open their sockets with. */
export const socketOptions = { maxPayload: maxFrameBytes, perMessageDeflate: false } as const;

/** Messages waiting to be read before the socket is stopped, and before it goes on. */
const highWaterMark = 16;
const lowWaterMark = 4;
const pingMs = 5000;
/** WebSocket close codes (RFC 6455, 7.4.1). */
const closeCode = { normal: 1000, goingAway: 1001, protocolError: 1002, internalError: 1011 } as const;
/** A peer that does not answer the closing in this time is cut off. */
const closeTimeoutMs = 5000;

type Messages = AsyncIterableIterator<[data: Buffer, isBinary: boolean]>;

export class ChannelSocket {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #messages: Messages;
  readonly #gone = new AbortController();
  #ping: Timer | undefined;

  /** `socket` comes open and paused: nothing of it was missed. */
  constructor(socket: WebSocket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    // What broke it is told by `frames`.
    socket.on('error', () => {});
    const waterMarks = { highWaterMark, lowWaterMark };
    this.#messages = on(socket, 'message', { ...waterMarks, close: ['close'] } as object) as Messages;
    socket.once('close', () => {
      this.#ping?.cancel();
      this.#gone.abort();
    });
    this.#keepAlive();
    socket.resume();
  }

  /** Aborts when the connection is over, whoever ended it. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** `v5.channel.k8s.io`, as agreed on. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Ends with the connection; throws ApiError BadRequest on what is no frame, ServiceUnavailable when it broke. */
  async *frames(): AsyncGenerator<Frame> {
    try {
      for await (const [data, isBinary] of this.#messages) yield decodeFrame(data, isBinary);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new ApiError('ServiceUnavailable', `the stream broke: ${asApiError(error).message}`, {}, error);
    }
  }

  /** Resolves also when the connection is over: then nobody reads. */
  send(number: number, payload: Uint8Array): Promise<void> {
    return this.sendFrame(encodeFrame(number, payload));
  }

  /** Says that nothing more will come on this channel; v4 has no word for it. */
  async closeChannel(number: number): Promise<void> {
    if (this.protocol.startsWith('v5.')) await this.sendFrame(closeFrame(number));
  }

  close(how: keyof typeof closeCode = 'normal', why = ''): void {
    this.#socket.close(closeCode[how], Buffer.from(why).subarray(0, 120).toString());
    this.#socket.resume();
    const patience = this.#clock.after(closeTimeoutMs, () => this.#socket.terminate());
    this.#gone.signal.addEventListener('abort', () => patience.cancel());
    if (this.#gone.signal.aborted) patience.cancel();
  }

  /** A frame that is made already. */
  sendFrame(frame: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.readyState !== this.#socket.OPEN) resolve();
      else this.#socket.send(frame, { binary: true }, () => resolve());
    });
  }

  /** Writing to a peer that is no more is how its end is noticed while nothing else is sent. */
  #keepAlive(): void {
    this.#ping = this.#clock.after(pingMs, () => {
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
      this.#keepAlive();
    });
  }
}
