/**
 * SPDY/3.1's frames as bytes, both ways. Pure; what it reads comes from strangers.
 *
 *   control  1 | version 15 | type 16      data  0 | stream 31
 *            flags 8 | length 24                 flags 8 | length 24
 *
 * Invariant: no more than one control frame's bytes wait for their rest; data is given as it comes.
 */
import { ApiError } from './api-error.ts';

export type SpdyFrame =
  | { type: 'syn-stream'; streamId: number; fin: boolean; headerBlock: Buffer }
  | { type: 'syn-reply'; streamId: number }
  | { type: 'headers'; streamId: number; fin: boolean; headerBlock: Buffer }
  /** A frame of data may come in several of these; only the last one says `fin`. */
  | { type: 'data'; streamId: number; fin: boolean; data: Buffer }
  | { type: 'rst-stream'; streamId: number }
  | { type: 'settings'; initialWindowBytes: number | undefined }
  | { type: 'ping'; id: number }
  | { type: 'goaway' }
  /** Stream 0: the whole connection. */
  | { type: 'window-update'; streamId: number; bytes: number };

const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

/** Status codes of RST_STREAM. */
export const resetStatus = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  streamAlreadyClosed: 9,
} as const;

export const goAwayStatus = { ok: 0, protocolError: 1 } as const;

const version = 3;
const headerBytes = 8;
const maxControlBytes = 16 * 1024;
const flagFin = 1;
const maxStreamId = 0x7fff_ffff;
const settingInitialWindow = 7;

interface FrameHead {
  control: boolean;
  /** A control frame's type, or a data frame's stream. */
  number: number;
  flags: number;
  bytes: number;
}

/** Cuts bytes, as they come, into frames. */
export class SpdyFrames {
  #rest: Buffer = Buffer.alloc(0);
  /** A data frame whose bytes are not all here yet. */
  #data: { streamId: number; fin: boolean; leftBytes: number } | undefined;

  /** Throws ApiError BadRequest for what is no SPDY/3 of ours; nothing may be read after that. */
  *push(chunk: Buffer): Generator<SpdyFrame> {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (let frame = this.#next(); frame !== 'more'; frame = this.#next()) if (frame) yield frame;
  }

  #next(): SpdyFrame | 'more' | undefined {
    if (this.#data) return this.#nextData();
    if (this.#rest.length < headerBytes) return 'more';
    const head = decodeHead(this.#rest);
    if (!head.control) {
      this.#rest = this.#rest.subarray(headerBytes);
      this.#data = { streamId: head.number, fin: isFin(head), leftBytes: head.bytes };
      return this.#nextData();
    }
    if (this.#rest.length < headerBytes + head.bytes) return 'more';
    const payload = this.#rest.subarray(headerBytes, headerBytes + head.bytes);
    this.#rest = this.#rest.subarray(headerBytes + head.bytes);
    return decodeControl(head, payload);
  }

  #nextData(): SpdyFrame | 'more' {
    const { streamId, fin, leftBytes } = this.#data!;
    if (this.#rest.length === 0 && leftBytes > 0) return 'more';
    const data = this.#rest.subarray(0, leftBytes);
    this.#rest = this.#rest.subarray(data.length);
    const isLast = data.length === leftBytes;
    this.#data = isLast ? undefined : { streamId, fin, leftBytes: leftBytes - data.length };
    return { type: 'data', streamId, fin: fin && isLast, data };
  }
}

function decodeHead(bytes: Buffer): FrameHead {
  const first = bytes.readUInt32BE(0);
  const control = first > maxStreamId;
  const head = { control, flags: bytes.readUInt8(4), bytes: bytes.readUIntBE(5, 3) };
  if (!control) return { ...head, number: first };
  if (((first >>> 16) & 0x7fff) !== version) throw broken('it is not version 3');
  if (head.bytes > maxControlBytes) throw broken(`a control frame has ${head.bytes} bytes`);
  return { ...head, number: first & 0xffff };
}

/** Undefined for a frame that may be ignored. */
function decodeControl(head: FrameHead, payload: Buffer): SpdyFrame | undefined {
  switch (head.number) {
    case frameType.synStream:
      // Stream, associated stream, priority and slot; then the headers.
      need(payload, 10);
      return {
        type: 'syn-stream',
        streamId: idAt(payload, 0),
        fin: isFin(head),
        headerBlock: payload.subarray(10),
      };
    case frameType.headers:
      need(payload, 4);
      return {
        type: 'headers',
        streamId: idAt(payload, 0),
        fin: isFin(head),
        headerBlock: payload.subarray(4),
      };
    case frameType.rstStream:
      need(payload, 8);
      return { type: 'rst-stream', streamId: idAt(payload, 0) };
    case frameType.settings:
      return { type: 'settings', initialWindowBytes: initialWindowOf(payload) };
    case frameType.ping:
      need(payload, 4);
      return { type: 'ping', id: payload.readUInt32BE(0) };
    case frameType.goaway:
      return { type: 'goaway' };
    case frameType.windowUpdate:
      need(payload, 8);
      return { type: 'window-update', streamId: idAt(payload, 0), bytes: idAt(payload, 4) };
    case frameType.synReply:
      need(payload, 4);
      return { type: 'syn-reply', streamId: idAt(payload, 0) };
    default:
      return undefined;
  }
}

/** Entries of flags and id, then the value. */
function initialWindowOf(payload: Buffer): number | undefined {
  need(payload, 4);
  const count = payload.readUInt32BE(0);
  need(payload, 4 + Math.min(count, maxControlBytes) * 8);
  let value: number | undefined;
  for (let entry = 0; entry < count; entry++) {
    const at = 4 + entry * 8;
    if (payload.readUIntBE(at + 1, 3) === settingInitialWindow) value = idAt(payload, at + 4);
  }
  return value;
}

function isFin({ flags }: FrameHead): boolean {
  return (flags & flagFin) !== 0;
}

function idAt(payload: Buffer, at: number): number {
  return payload.readUInt32BE(at) & maxStreamId;
}

function need(payload: Buffer, bytes: number): void {
  if (payload.length < bytes) throw broken('a control frame is too short');
}

export function broken(why: string): ApiError {
  return new ApiError('BadRequest', `the SPDY connection is broken: ${why}`);
}

/** `headerBlock` comes compressed. */
export function encodeSynStream(streamId: number, headerBlock: Buffer): Buffer {
  // No stream it belongs to, no priority, no slot.
  return control(frameType.synStream, Buffer.concat([numbers(streamId, 0), Buffer.alloc(2), headerBlock]));
}

/** `headerBlock` comes compressed. */
export function encodeSynReply(streamId: number, headerBlock: Buffer): Buffer {
  return control(frameType.synReply, Buffer.concat([numbers(streamId), headerBlock]));
}

export function encodeReset(streamId: number, status: number): Buffer {
  return control(frameType.rstStream, numbers(streamId, status));
}

export function encodePing(id: number): Buffer {
  return control(frameType.ping, numbers(id));
}

export function encodeGoAway(lastStreamId: number, status: number): Buffer {
  return control(frameType.goaway, numbers(lastStreamId, status));
}

export function encodeWindowUpdate(streamId: number, bytes: number): Buffer {
  return control(frameType.windowUpdate, numbers(streamId, bytes));
}

export function encodeData(streamId: number, data: Uint8Array, fin = false): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + data.length);
  frame.writeUInt32BE(streamId, 0);
  frame.writeUInt8(fin ? flagFin : 0, 4);
  frame.writeUIntBE(data.length, 5, 3);
  frame.set(data, headerBytes);
  return frame;
}

function control(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(headerBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}
