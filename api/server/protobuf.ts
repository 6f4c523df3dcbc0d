/** The protobuf wire format, as little as is needed: length-delimited fields written, any message read. */
import { ApiError } from '../meta/api-error.ts';

/** Field number and content: text, bytes or an embedded message. */
export type ProtobufField = readonly [number: number, content: string | Buffer];

const wireTypes = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

export function message(fields: readonly ProtobufField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, content]) => {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      return [varint((number << 3) | wireTypes.lengthDelimited), varint(bytes.length), bytes];
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A field as it was read: a number for varints, bytes for everything with a length. */
export interface ReadField {
  number: number;
  value: bigint | Buffer;
}

const maxFields = 50_000;

/** The fields of a message in their order. Throws ApiError BadRequest when the bytes are no message. */
export function readMessage(bytes: Buffer): ReadField[] {
  const reader = new Reader(bytes);
  const fields: ReadField[] = [];
  while (!reader.atEnd()) {
    if (fields.length === maxFields) throw malformed();
    fields.push(reader.field());
  }
  return fields;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  field(): ReadField {
    const tag = Number(this.#varint());
    return { number: Math.floor(tag / 8), value: this.#value(tag % 8) };
  }

  #value(wireType: number): bigint | Buffer {
    switch (wireType) {
      case wireTypes.varint:
        return this.#varint();
      case wireTypes.fixed64:
        return this.#take(8);
      case wireTypes.fixed32:
        return this.#take(4);
      case wireTypes.lengthDelimited:
        return this.#take(Number(this.#varint()));
      default:
        throw malformed();
    }
  }

  /** Two's complement of 64 bits, as int64 and int32 are written. */
  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw malformed();
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (!(length >= 0 && end <= this.#bytes.length)) throw malformed();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function malformed(): ApiError {
  return new ApiError('BadRequest', 'the body of the request is not a protobuf message');
}
