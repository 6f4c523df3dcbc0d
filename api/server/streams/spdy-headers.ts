/**
 * SPDY/3's header blocks. A connection has one compressor each way, whose state goes on from block to block.
 *
 *   count 32 ( length 32 name  length 32 value ) × count
 */
import { constants, inflateRawSync } from 'node:zlib';
import { broken } from '../../meta/spdy-frames.ts';
import { spdyDictionary } from './spdy-dictionary.ts';

const maxHeaders = 100;
/** Unpacked: a small block can hold a very large one. */
const maxBlockBytes = 64 * 1024;

/** How far back a block may refer. */
const windowBytes = 32 * 1024;
const zlibMethod = 8;
const zlibFlagDictionary = 0x20;

/**
 * Reads the blocks of one connection, in their order. Each ends flushed to a whole byte, so that it can be unpacked
 * by itself, with what was unpacked before it as dictionary.
 */
export class HeaderReader {
  #history: Buffer | undefined;

  /** The headers by name, in lower case. Throws ApiError BadRequest; nothing may be read after that. */
  read(block: Buffer): Map<string, string> {
    const begin = this.#history === undefined ? zlibHeaderBytes(block) : 0;
    const dictionary = this.#history ?? spdyDictionary;
    const unpacked = unpack(block.subarray(begin), dictionary);
    this.#history = Buffer.concat([dictionary, unpacked]).subarray(-windowBytes);
    return decodeHeaders(unpacked);
  }
}

/** zlib's own header (RFC 1950), which stands before the first block: two bytes, then the dictionary's checksum. */
function zlibHeaderBytes(block: Buffer): number {
  if (block.length < 2 || (block[0]! & 0x0f) !== zlibMethod) throw broken('its headers are not packed');
  return (block[1]! & zlibFlagDictionary) === 0 ? 2 : 6;
}

function unpack(block: Buffer, dictionary: Buffer): Buffer {
  try {
    const limits = { maxOutputLength: maxBlockBytes, finishFlush: constants.Z_SYNC_FLUSH };
    return inflateRawSync(block, { dictionary, ...limits });
  } catch {
    throw broken('its headers cannot be read, or are too large');
  }
}

function decodeHeaders(block: Buffer): Map<string, string> {
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw broken('its headers end early');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw broken('its headers end early');
    at += length;
    return block.toString('latin1', at - length, at);
  };
  const count = number();
  if (count > maxHeaders) throw broken(`it has ${count} headers`);
  const headers = new Map<string, string>();
  for (let index = 0; index < count; index++) headers.set(text().toLowerCase(), text());
  return headers;
}
