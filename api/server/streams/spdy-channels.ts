/**
 * The streams of one command over SPDY, as kubectl up to 1.29 opens them (`streamtype`: error, stdin, stdout, stderr,
 * resize), as one side of a relay.
 */
import { channel, closeFrame, type ExitStatus, encodeFrame } from '../../meta/stream-channels.ts';
import type { AttachRequest } from '../../meta/stream-requests.ts';
import { MessageListeners } from './message-listeners.ts';
import { closeCode, type MessageListener, type MessageStream } from './message-stream.ts';
import type { SpdySession } from './spdy-session.ts';
import type { SpdyStream } from './spdy-stream.ts';

const channelOf = {
  stdin: channel.stdin,
  stdout: channel.stdout,
  stderr: channel.stderr,
  error: channel.status,
  resize: channel.resize,
} as const;
type StreamType = keyof typeof channelOf;

const newline = 0x0a;
const maxSizeBytes = 1024;

export class SpdyChannels implements MessageStream {
  readonly #session: SpdySession;
  readonly #expected: Set<StreamType>;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #listeners = new MessageListeners();
  #whenComplete: (complete: boolean) => void = () => {};
  #hasStatus = false;
  #isClosing = false;
  /** A part of a size. */
  #size: Buffer = Buffer.alloc(0);
  /** Whether every stream that belongs to the request is there; false when the connection ended before. */
  readonly complete: Promise<boolean>;

  constructor(session: SpdySession, { stdin, stdout, stderr, tty }: AttachRequest) {
    this.#session = session;
    this.#expected = new Set<StreamType>([
      'error',
      ...(stdin ? ['stdin' as const] : []),
      ...(stdout ? ['stdout' as const] : []),
      ...(stderr ? ['stderr' as const] : []),
      ...(tty ? ['resize' as const] : []),
    ]);
    this.complete = new Promise((resolve) => {
      this.#whenComplete = resolve;
    });
  }

  /** For the session: false refuses the stream. */
  accept(stream: SpdyStream): boolean {
    const type = stream.headers.get('streamtype') as StreamType;
    if (!this.#expected.delete(type)) return false;
    const number = channelOf[type];
    this.#streams.set(number, stream);
    stream.listener = {
      data: (bytes) => this.#take(number, bytes),
      end: () => {
        if (number === channel.stdin) this.#hear(closeFrame(number));
      },
      lost: () => {},
    };
    if (this.#expected.size === 0) this.#whenComplete(true);
    return true;
  }

  /** The connection is over, whoever ended it. */
  connectionClosed(): void {
    this.#whenComplete(false);
    this.#listeners.close(this.#isClosing ? closeCode.normal : closeCode.broken, '');
  }

  get isClosed(): boolean {
    return this.#listeners.isClosed;
  }

  listen(listener: MessageListener): void {
    this.#listeners.add(listener);
  }

  pause(): void {
    for (const stream of this.#streams.values()) stream.pause();
  }

  resume(): void {
    this.#listeners.open();
    for (const stream of this.#streams.values()) stream.resume();
  }

  send(message: Buffer, _isBinary: boolean, done: () => void): void {
    const number = message[0] ?? channel.close;
    const stream = number === channel.stdin ? undefined : this.#streams.get(number);
    if (number === channel.status) this.#hasStatus = true;
    if (stream) stream.send(message.subarray(1), done);
    else done();
  }

  /** What went wrong is said on the stream for it: SPDY has no other place. */
  close(code: number = closeCode.normal, reason = ''): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const error = this.#streams.get(channel.status);
    if (!this.#hasStatus && code !== closeCode.normal)
      error?.send(Buffer.from(JSON.stringify(failure(reason))), () => {});
    for (const stream of this.#streams.values()) stream.end();
    this.#session.end();
  }

  terminate(): void {
    this.#session.destroy();
  }

  #take(number: number, bytes: Buffer): void {
    if (number === channel.stdin) this.#hear(encodeFrame(number, bytes));
    else if (number === channel.resize) this.#takeSizes(bytes);
  }

  /** Sizes come one per line, perhaps several at once. */
  #takeSizes(bytes: Buffer): void {
    this.#size = Buffer.concat([this.#size, bytes]);
    for (let end = this.#size.indexOf(newline); end >= 0; end = this.#size.indexOf(newline)) {
      this.#hear(encodeFrame(channel.resize, this.#size.subarray(0, end)));
      this.#size = this.#size.subarray(end + 1);
    }
    if (this.#size.length > maxSizeBytes) this.terminate();
  }

  #hear(message: Buffer): void {
    if (!this.#listeners.message(message)) this.terminate();
  }
}

function failure(message: string): ExitStatus {
  return { metadata: {}, status: 'Failure', reason: 'InternalError', message: message || 'the stream broke' };
}
