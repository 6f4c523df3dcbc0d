/** The client's end of SPDY/3.1 as kubectl speaks it, for tests: real compression, frames by hand. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { constants, createDeflate } from 'node:zlib';
import { encodeData } from '../../../../api/meta/spdy-frames.ts';
import { spdyDictionary } from '../../../../api/server/streams/spdy-dictionary.ts';

export interface Received {
  type: number | 'data';
  streamId: number;
  flags: number;
  payload: Buffer;
}

const headBytes = 8;

export function controlFrame(type: number, payload: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(0x8003, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}

/** Packs blocks of headers one after another, as one connection does. */
export class HeaderPacker {
  readonly #deflate = createDeflate({ dictionary: spdyDictionary });

  async pack(headers: Record<string, string>): Promise<Buffer> {
    const entries = Object.entries(headers).flat();
    const texts = entries.map((text) => Buffer.concat([words(text.length), Buffer.from(text)]));
    return this.packBytes(Buffer.concat([words(entries.length / 2), ...texts]));
  }

  async packBytes(bytes: Buffer): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const keep = (chunk: Buffer): void => void chunks.push(chunk);
    this.#deflate.on('data', keep);
    this.#deflate.write(bytes);
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    await new Promise((resolve) => setImmediate(resolve));
    this.#deflate.off('data', keep);
    return Buffer.concat(chunks);
  }
}

export class SpdyClient {
  readonly socket: Duplex;
  readonly received: Received[] = [];
  readonly #packer = new HeaderPacker();
  #rest: Buffer = Buffer.alloc(0);
  #nextId = 1;

  constructor(socket: Duplex) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  async open(headers: Record<string, string>): Promise<number> {
    const id = this.#nextId;
    this.#nextId += 2;
    this.socket.write(await this.synStream(id, headers));
    return id;
  }

  async synStream(id: number, headers: Record<string, string>): Promise<Buffer> {
    const block = await this.#packer.pack(headers);
    return controlFrame(1, Buffer.concat([words(id, 0), Buffer.alloc(2), block]));
  }

  send(id: number, data: string | Buffer, fin = false): void {
    this.socket.write(encodeData(id, Buffer.from(data), fin));
  }

  /** Everything that came on a stream so far. */
  data(id: number): string {
    const frames = this.received.filter(({ type, streamId }) => type === 'data' && streamId === id);
    return Buffer.concat(frames.map(({ payload }) => payload)).toString();
  }

  isEnded(id: number): boolean {
    return this.received.some(
      ({ type, streamId, flags }) => type === 'data' && streamId === id && flags === 1,
    );
  }

  /** Control frames of a type; the first word of each is its stream. */
  control(type: number): Received[] {
    return this.received.filter((frame) => frame.type === type);
  }

  async closed(): Promise<void> {
    if (!this.socket.destroyed) await once(this.socket, 'close');
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= headBytes) {
      const end = headBytes + this.#rest.readUIntBE(5, 3);
      if (this.#rest.length < end) return;
      this.received.push(decode(this.#rest.subarray(0, end)));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

function decode(frame: Buffer): Received {
  const first = frame.readUInt32BE(0);
  const payload = frame.subarray(headBytes);
  const flags = frame.readUInt8(4);
  if (first < 0x8000_0000) return { type: 'data', streamId: first, flags, payload };
  const streamId = payload.length >= 4 ? payload.readUInt32BE(0) : 0;
  return { type: first & 0xffff, streamId, flags, payload };
}
