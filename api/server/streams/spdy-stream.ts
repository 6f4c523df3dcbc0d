/** One stream of a SPDY connection: bytes both ways, each direction ended by itself. */
import { encodeData, encodeReset, encodeWindowUpdate, resetStatus } from '../../meta/spdy-frames.ts';
import { SendWindow } from './spdy-window.ts';

export interface SpdyStreamListener {
  data(bytes: Buffer): void;
  /** Nothing more will come. */
  end(): void;
  /** Reset by the client, or the connection is gone. */
  lost(): void;
}

/** What a stream needs of its connection. */
export interface SpdyConnection {
  /** `done` is called when the kernel has it, or nobody reads any more. */
  write(bytes: Buffer, done?: () => void): void;
  /** Bytes that may be sent now, over all streams. */
  readonly sendableBytes: number;
  /** Whether windows are obeyed at all. */
  readonly hasWindows: boolean;
  sent(bytes: number): void;
  /** While any stream is paused, nothing is read. */
  setPaused(stream: SpdyStream, paused: boolean): void;
  /** Both directions are over. */
  forget(stream: SpdyStream): void;
}

interface Waiting {
  bytes: Buffer;
  done: () => void;
}

const maxDataBytes = 64 * 1024;

export class SpdyStream {
  readonly id: number;
  /** By name, in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  listener: SpdyStreamListener | undefined;
  readonly window = new SendWindow();
  readonly #connection: SpdyConnection;
  readonly #waiting: Waiting[] = [];
  #isReadOver = false;
  #isEnding = false;
  #isWriteOver = false;

  constructor(connection: SpdyConnection, id: number, headers: ReadonlyMap<string, string>) {
    this.#connection = connection;
    this.id = id;
    this.headers = headers;
  }

  /** `done` is called when the kernel has the bytes, or nobody reads any more. */
  send(bytes: Buffer, done: () => void): void {
    if (this.#isEnding) {
      done();
      return;
    }
    this.#waiting.push({ bytes, done });
    this.flush();
  }

  end(): void {
    this.#isEnding = true;
    this.flush();
  }

  pause(): void {
    this.#connection.setPaused(this, true);
  }

  resume(): void {
    this.#connection.setPaused(this, false);
  }

  /** Both directions at once, with no more words. */
  reset(): void {
    if (this.#isReadOver && this.#isWriteOver) return;
    this.#connection.write(encodeReset(this.id, resetStatus.cancel));
    this.lose();
  }

  /** For the connection: what the client sent. */
  take(bytes: Buffer, fin: boolean): void {
    if (this.#isReadOver) {
      this.#connection.write(encodeReset(this.id, resetStatus.streamAlreadyClosed));
      return;
    }
    if (bytes.length > 0) {
      this.#connection.write(encodeWindowUpdate(this.id, bytes.length));
      this.listener?.data(bytes);
    }
    if (!fin) return;
    this.#isReadOver = true;
    this.listener?.end();
    this.#settle();
  }

  /** For the connection: it is gone, or this stream was reset. */
  lose(): void {
    const isNews = !(this.#isReadOver && this.#isWriteOver);
    [this.#isReadOver, this.#isEnding, this.#isWriteOver] = [true, true, true];
    for (const { done } of this.#waiting.splice(0)) done();
    this.#connection.forget(this);
    if (isNews) this.listener?.lost();
  }

  /** Sends what may be sent now. */
  flush(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const bytes = first.bytes.subarray(0, Math.min(maxDataBytes, this.#sendableBytes));
      if (bytes.length === 0 && first.bytes.length > 0) return;
      this.window.spend(bytes.length);
      this.#connection.sent(bytes.length);
      const isWhole = bytes.length === first.bytes.length;
      this.#connection.write(encodeData(this.id, bytes), isWhole ? first.done : undefined);
      if (isWhole) this.#waiting.shift();
      else first.bytes = first.bytes.subarray(bytes.length);
    }
    if (!this.#isEnding || this.#isWriteOver) return;
    this.#isWriteOver = true;
    this.#connection.write(encodeData(this.id, Buffer.alloc(0), true));
    this.#settle();
  }

  get #sendableBytes(): number {
    const { hasWindows, sendableBytes } = this.#connection;
    return hasWindows ? Math.min(this.window.bytes, sendableBytes) : Number.POSITIVE_INFINITY;
  }

  #settle(): void {
    if (this.#isReadOver && this.#isWriteOver) this.#connection.forget(this);
  }
}
