/** One connection to a port over SPDY: a stream of data and one for what goes wrong, as one side of a relay. */
import { channel, closeFrame, encodeFrame, portChannel } from '../../meta/stream-channels.ts';
import { MessageListeners } from './message-listeners.ts';
import { closeCode, type MessageListener, type MessageStream } from './message-stream.ts';
import type { SpdyStream } from './spdy-stream.ts';

/** Of the agent's first message on each channel: which port it is. */
const portBytes = 2;

export class SpdyPortConnection implements MessageStream {
  readonly #data: SpdyStream;
  readonly #error: SpdyStream;
  readonly #listeners = new MessageListeners();
  readonly #named = new Set<number>();

  constructor({ data, error }: { data: SpdyStream; error: SpdyStream }) {
    this.#data = data;
    this.#error = error;
    data.listener = {
      data: (bytes) => this.#hear(encodeFrame(portChannel.data, bytes)),
      end: () => this.#hear(closeFrame(portChannel.data)),
      lost: () => this.#listeners.close(closeCode.broken, ''),
    };
  }

  get isClosed(): boolean {
    return this.#listeners.isClosed;
  }

  listen(listener: MessageListener): void {
    this.#listeners.add(listener);
  }

  pause(): void {
    this.#data.pause();
  }

  resume(): void {
    this.#listeners.open();
    this.#data.resume();
  }

  send(message: Buffer, _isBinary: boolean, done: () => void): void {
    const number = message[0] ?? channel.close;
    if (number === channel.close && message[1] === portChannel.data) this.#data.end();
    const stream = { [portChannel.data]: this.#data, [portChannel.error]: this.#error }[number];
    const payload = message.subarray(this.#named.has(number) ? 1 : 1 + portBytes);
    this.#named.add(number);
    if (stream && payload.length > 0) stream.send(payload, done);
    else done();
  }

  close(code: number = closeCode.normal, reason = ''): void {
    if (code !== closeCode.normal) this.#error.send(Buffer.from(reason || 'the connection broke'), () => {});
    this.#error.end();
    this.#data.end();
    this.#listeners.close(closeCode.normal, '');
  }

  terminate(): void {
    this.#data.reset();
    this.#error.reset();
    this.#listeners.close(closeCode.broken, '');
  }

  #hear(message: Buffer): void {
    if (!this.#listeners.message(message)) this.terminate();
  }
}
