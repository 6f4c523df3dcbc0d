/**
 * Reads a tar archive from bytes as they come: one entry after the other, its body as a stream.
 *
 * Invariant: memory is bounded, whatever the archive says of itself.
 */
import { ApiError } from '../../api/meta/api-error.ts';
import { blockBytes, decodeHeader, decodePax, paddingOf, type TarHeader } from './tar-header.ts';

export interface TarEntry extends TarHeader {
  /** May be left unread. */
  body(): AsyncGenerator<Buffer>;
}

const maxRecordBytes = 64 * 1024;

/** Throws ApiError BadRequest for an archive that is broken or cut off. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source);
  let extended: Partial<TarHeader> = {};
  for (;;) {
    const first = await bytes.take(blockBytes);
    const plain = first && decodeHeader(first);
    if (!plain) {
      await bytes.discardAll();
      return;
    }
    if ('xgLK'.includes(plain.type)) {
      extended = { ...extended, ...(await recordsOf(plain, bytes)) };
      continue;
    }
    const header = { ...plain, ...extended };
    extended = {};
    // Links and directories have no body, whatever their size says.
    let left = '07S'.includes(header.type) ? header.size : 0;
    const padding = paddingOf(left);
    const body = async function* (): AsyncGenerator<Buffer> {
      while (left > 0) {
        const chunk = await bytes.some(left);
        left -= chunk.length;
        yield chunk;
      }
    };
    yield { ...header, body };
    while (left > 0) left -= (await bytes.some(left)).length;
    if (padding > 0) await bytes.take(padding);
  }
}

async function recordsOf({ type, size }: TarHeader, bytes: ByteReader): Promise<Partial<TarHeader>> {
  if (size > maxRecordBytes) throw new ApiError('BadRequest', 'the archive is broken: a name is too long');
  const body = size === 0 ? Buffer.alloc(0) : ((await bytes.take(size + paddingOf(size))) ?? Buffer.alloc(0));
  const text = body.subarray(0, size);
  if (type === 'x') return decodePax(text);
  if (type === 'L') return { path: text.toString().replace(/\0.*$/s, '') };
  if (type === 'K') return { linkPath: text.toString().replace(/\0.*$/s, '') };
  return {};
}

/** Bytes in the amounts one asks for. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly so many; undefined at the clean end. */
  async take(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let missing = count; missing > 0; ) {
      if (!(await this.#fill())) {
        if (missing === count) return undefined;
        throw cutOff();
      }
      const part = this.#cut(missing);
      missing -= part.length;
      parts.push(part);
    }
    return Buffer.concat(parts);
  }

  /** At least one, at most so many. */
  async some(limit: number): Promise<Buffer> {
    if (!(await this.#fill())) throw cutOff();
    return this.#cut(limit);
  }

  /** Whoever writes the archive may still have padding to write. */
  async discardAll(): Promise<void> {
    while (await this.#fill()) this.#rest = Buffer.alloc(0);
  }

  #cut(limit: number): Buffer {
    const part = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done) return false;
      this.#rest = value;
    }
    return true;
  }
}

function cutOff(): ApiError {
  return new ApiError('BadRequest', 'the archive ends in the middle');
}
