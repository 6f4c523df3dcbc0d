/**
 * The server's end of a SPDY/3.1 connection: streams that the client opens, and the bytes both ways.
 *
 * Flow control: kubectl's library knows no windows and sends as fast as the connection takes it, so what stops a
 * client is that nothing more is read from it. Windows are kept as well, and obeyed for a client that speaks of them.
 * Invariant: memory is bounded, and nothing a client sends throws.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../meta/clock.ts';
import {
  broken,
  encodeGoAway,
  encodePing,
  encodeReset,
  encodeSynReply,
  encodeWindowUpdate,
  goAwayStatus,
  resetStatus,
  type SpdyFrame,
  SpdyFrames,
} from '../../meta/spdy-frames.ts';
import { SpdyHeaderWriter } from '../../meta/spdy-header-writer.ts';
import { HeaderReader } from './spdy-headers.ts';
import { type SpdyConnection, SpdyStream } from './spdy-stream.ts';
import { initialWindowBytes, SendWindow } from './spdy-window.ts';

export interface SpdySessionOptions {
  clock: Clock;
  maxStreams: number;
  /** A stream was opened; it hears everything of it that listens before this returns. False refuses it. */
  onStream(stream: SpdyStream): boolean;
}

const pingMs = 5000;
const closeTimeoutMs = 5000;
/** Answers to floods of pings and the like, waiting to be taken: above it nothing more is read. */
const maxUnsentBytes = 4 * 1024 * 1024;

export class SpdySession implements SpdyConnection {
  readonly #socket: Duplex;
  readonly #options: SpdySessionOptions;
  readonly #frames = new SpdyFrames();
  readonly #headers = new HeaderReader();
  readonly #replies = new SpdyHeaderWriter();
  readonly #streams = new Map<number, SpdyStream>();
  /** Streams whose receiver wants no more now. */
  readonly #paused = new Set<SpdyStream>();
  readonly #window = new SendWindow();
  #hasWindows = false;
  #goOn: () => void = () => {};
  #lastStreamId = 0;
  #pingId = 0;
  #initialWindowBytes = initialWindowBytes;
  #ping: Timer | undefined;
  #isEnding = false;

  constructor(socket: Duplex, options: SpdySessionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('error', () => {});
    for (const event of ['drain', 'close']) socket.on(event, () => this.#goOn());
  }

  /** Resolves when the connection is closed; never rejects. */
  async serve(): Promise<void> {
    this.#keepAlive();
    const closed = new Promise<void>((resolve) => {
      if (this.#socket.destroyed) resolve();
      else this.#socket.once('close', () => resolve());
    });
    try {
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        for (const frame of this.#frames.push(chunk)) this.#take(frame);
        await this.#room();
      }
    } catch {
      if (!this.#socket.destroyed) this.#goAway(goAwayStatus.protocolError);
    }
    this.#lose();
    this.#ping?.cancel();
    // What was sent still goes out, to a client that reads it.
    const patience = this.#options.clock.after(closeTimeoutMs, () => this.#socket.destroy());
    this.#socket.end(() => this.#socket.destroy());
    await closed;
    patience.cancel();
  }

  /** Everything that was sent still goes out. */
  end(): void {
    if (!this.#isEnding && !this.#socket.destroyed) this.#goAway(goAwayStatus.ok);
    this.#isEnding = true;
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  write(bytes: Buffer, done?: () => void): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) done?.();
    else this.#socket.write(bytes, () => done?.());
  }

  get hasWindows(): boolean {
    return this.#hasWindows;
  }

  get sendableBytes(): number {
    return this.#window.bytes;
  }

  sent(bytes: number): void {
    this.#window.spend(bytes);
  }

  setPaused(stream: SpdyStream, paused: boolean): void {
    if (paused) this.#paused.add(stream);
    else this.#paused.delete(stream);
    this.#goOn();
  }

  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id);
    this.setPaused(stream, false);
  }

  #take(frame: SpdyFrame): void {
    switch (frame.type) {
      case 'syn-stream':
        this.#open(frame);
        break;
      case 'syn-reply':
        throw broken('a client answers a stream that nobody opened');
      case 'headers':
        // Nobody sends any, but the compressor goes on with them.
        this.#headers.read(frame.headerBlock);
        break;
      case 'data':
        this.#data(frame);
        break;
      case 'rst-stream':
        this.#streams.get(frame.streamId)?.lose();
        break;
      case 'settings':
        if (frame.initialWindowBytes !== undefined) this.#setInitialWindow(frame.initialWindowBytes);
        break;
      case 'window-update':
        this.#widen(frame);
        break;
      case 'ping':
        // Odd: the client's own, to be sent back. Even: the answer to one of ours.
        if (frame.id % 2 === 1) this.write(encodePing(frame.id));
        break;
      case 'goaway':
        this.#isEnding = true;
    }
  }

  #open({ streamId, fin, headerBlock }: Extract<SpdyFrame, { type: 'syn-stream' }>): void {
    const headers = this.#headers.read(headerBlock);
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId)
      throw broken(`no new stream is number ${streamId}`);
    this.#lastStreamId = streamId;
    const stream = new SpdyStream(this, streamId, headers);
    stream.window.widen(this.#initialWindowBytes - initialWindowBytes);
    const hasRoom = !this.#isEnding && this.#streams.size < this.#options.maxStreams;
    if (!hasRoom || !this.#options.onStream(stream)) {
      this.write(encodeReset(streamId, resetStatus.refusedStream));
      return;
    }
    this.#streams.set(streamId, stream);
    this.write(encodeSynReply(streamId, this.#replies.block({})));
    if (fin) stream.take(Buffer.alloc(0), true);
  }

  /** The connection's own window never closes: what stops a client is that nothing more is read. */
  #data({ streamId, data, fin }: Extract<SpdyFrame, { type: 'data' }>): void {
    if (data.length > 0) this.write(encodeWindowUpdate(0, data.length));
    const stream = this.#streams.get(streamId);
    if (stream) stream.take(data, fin);
    else this.write(encodeReset(streamId, resetStatus.invalidStream));
  }

  /** For all streams there are, and those to come: kept as what is added to the common beginning. */
  #setInitialWindow(bytes: number): void {
    const more = bytes - this.#initialWindowBytes;
    this.#initialWindowBytes = bytes;
    this.#hasWindows = true;
    for (const stream of this.#streams.values()) stream.window.widen(more);
    this.#flush();
  }

  #widen({ streamId, bytes }: Extract<SpdyFrame, { type: 'window-update' }>): void {
    const window = streamId === 0 ? this.#window : this.#streams.get(streamId)?.window;
    window?.widen(bytes);
    this.#hasWindows = true;
    this.#flush();
  }

  #flush(): void {
    for (const stream of [...this.#streams.values()]) stream.flush();
  }

  /** Resolves when more may be read. */
  async #room(): Promise<void> {
    const socket = this.#socket;
    while (!socket.destroyed && (this.#paused.size > 0 || socket.writableLength > maxUnsentBytes))
      await new Promise<void>((resolve) => {
        this.#goOn = resolve;
      });
  }

  #lose(): void {
    for (const stream of [...this.#streams.values()]) stream.lose();
  }

  #goAway(status: number): void {
    this.write(encodeGoAway(this.#lastStreamId, status));
  }

  /** Writing to a client that is no more is how its end is noticed while nothing else is sent. */
  #keepAlive(): void {
    this.#ping = this.#options.clock.after(pingMs, () => {
      this.#pingId += 2;
      this.write(encodePing(this.#pingId));
      if (!this.#socket.destroyed) this.#keepAlive();
    });
  }
}
