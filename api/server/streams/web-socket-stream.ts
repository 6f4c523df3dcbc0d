/** A WebSocket as one side of a relay. */
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../meta/clock.ts';
import type { MessageListener, MessageStream } from './message-stream.ts';

const pingMs = 5000;

export class WebSocketStream implements MessageStream {
  readonly #socket: WebSocket;

  /** It comes open and paused. */
  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => {});
  }

  get isClosed(): boolean {
    return this.#socket.readyState === this.#socket.CLOSED;
  }

  listen({ message, closed }: MessageListener): void {
    this.#socket.on('message', (data: RawData, isBinary: boolean) => message(data as Buffer, isBinary));
    this.#socket.once('close', (code, reason) => closed(code, reason.toString()));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  send(message: Buffer, isBinary: boolean, done: () => void): void {
    this.#socket.send(message, { binary: isBinary }, done);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

/** Writing to a client that is no more is how its end is noticed while nothing else is sent. */
export function keepAlive(socket: WebSocket, clock: Clock): void {
  const ping = (): void => {
    if (socket.readyState === socket.OPEN) socket.ping();
    timer = clock.after(pingMs, ping);
  };
  let timer = clock.after(pingMs, ping);
  socket.once('close', () => timer.cancel());
}
