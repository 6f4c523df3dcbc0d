/** The notation of protobuf-messages.ts, read: which field of a message has which name and type. */
import { protobufMessages } from './protobuf-messages.ts';

export type ScalarType =
  | 'text'
  | 'bytes'
  | 'number'
  | 'flag'
  | 'time'
  | 'microTime'
  | 'quantity'
  | 'intOrText';

export interface FieldRule {
  name: string;
  /** A ScalarType or the name of a message. */
  type: string;
  /** `inlined`: its fields stand among those around it; `ignored`: it is passed over. */
  form: 'one' | 'list' | 'map' | 'inlined' | 'ignored';
  /** Go writes 0 or false where nothing was said. */
  isZeroUnset: boolean;
}

/** Message → field number → rule. */
export type ProtobufSchema = ReadonlyMap<string, ReadonlyMap<number, FieldRule>>;

export function protobufSchema(): ProtobufSchema {
  const messages = protobufMessages.trim().split(/\n(?! )/);
  return new Map(
    messages.map((text) => {
      const [name = '', fields = ''] = text.split(':', 2);
      return [
        name,
        new Map(
          fields
            .split(',')
            .filter((field) => field.trim() !== '')
            .map(fieldRule),
        ),
      ];
    }),
  );
}

const notation = /^(?<number>\d+) (?:(?<ignored>-)|(?<inlined>\.{3})?(?<name>\w+)(?: (?<type>\S+))?)$/;

function fieldRule(text: string): [number, FieldRule] {
  const { number, ignored, inlined, name = '', type = 'text' } = notation.exec(text.trim())?.groups ?? {};
  if (ignored) return [Number(number), { name, type, form: 'ignored', isZeroUnset: false }];
  if (inlined) return [Number(number), { name, type: name, form: 'inlined', isZeroUnset: false }];
  const form = type.endsWith('[]') ? 'list' : type.startsWith('{') ? 'map' : 'one';
  return [Number(number), { name, type: type.replace(/[^\w]/g, ''), form, isZeroUnset: type.endsWith('?') }];
}
