/**
 * HTTP/1.1's chunked coding (RFC 9112, 7.1) of pieces that many answers share, such as a batch of a thousand
 * watchers: coded once, so that each connection has one buffer to write and not four.
 */
const lineEnd = Buffer.from('\r\n');

export class SharedChunks {
  #piece: Buffer | undefined;
  #chunk: Buffer = Buffer.alloc(0);

  /** Those who share a piece are written to one after another: to remember the last one is enough. */
  chunkOf(piece: Buffer): Buffer {
    if (piece === this.#piece) return this.#chunk;
    this.#piece = piece;
    this.#chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, lineEnd]);
    return this.#chunk;
  }
}
