/**
 * Header blocks of SPDY/3 as a compressor would make them, by hand, for one connection and direction: each is one
 * stored piece, and the empty one that ends a flush (Go's reader waits for it); before the first stands zlib's own
 * header.
 *
 *   count 32 ( length 32 name  length 32 value ) × count
 */
export class SpdyHeaderWriter {
  #isFirst = true;

  /** Names in lower case. */
  block(headers: Record<string, string>): Buffer {
    const entries = Object.entries(headers);
    const texts = entries.flat().map((text) => Buffer.concat([number(text.length), Buffer.from(text)]));
    const plain = Buffer.concat([number(entries.length), ...texts]);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(plain.length, 1);
    stored.writeUInt16LE(~plain.length & 0xffff, 3);
    const head = this.#isFirst ? Buffer.from([0x78, 0x01]) : Buffer.alloc(0);
    this.#isFirst = false;
    return Buffer.concat([head, stored, plain, Buffer.from([0, 0, 0, 0xff, 0xff])]);
  }
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
