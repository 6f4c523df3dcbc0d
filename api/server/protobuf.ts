/** The protobuf wire format, as little as is needed: length-delimited fields written, any message read. */

/** Field number and content: text, bytes or an embedded message. */
export type ProtobufField = readonly [number: number, content: string | Buffer];

export function message(fields: readonly ProtobufField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, content]) => {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      return [varint((number << 3) | lengthDelimited), varint(bytes.length), bytes];
    }),
  );
}

const lengthDelimited = 2;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
