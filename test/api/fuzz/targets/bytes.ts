/** Bytes from strangers: JSON bodies, protobuf bodies and frames of streams are read as what they are, or refused. */
import {
  decodeFrame,
  decodeSize,
  encodeFrame,
  encodeSize,
  exitCodeOf,
} from '../../../../api/meta/stream-channels.ts';
import { decodeJson } from '../../../../api/server/decode-body.ts';
import { decodeProtobuf } from '../../../../api/server/protobuf-body.ts';
import { requireSame, type Target } from '../fuzzer.ts';

export const jsonBody: Target = {
  name: 'json-body',
  words: [
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"a"',
    '"__proto__"',
    '1',
    '1e400',
    '9007199254740993',
    'null',
    'true',
    '"\\ud800"',
    '\\u0061',
    ' ',
    '-0',
    '\xef\xbb\xbf',
  ],
  check(input) {
    const value = decodeJson(Buffer.from(input, 'latin1'));
    requireSame('the value stored and read', JSON.parse(JSON.stringify(value)), value);
    requireSame(
      'the value as JSON.parse reads it',
      value,
      JSON.parse(Buffer.from(input, 'latin1').toString()),
    );
  },
};

export const protobufBody: Target = {
  name: 'protobuf-body',
  words: [
    'k8s\0',
    '\x0a',
    '\x12',
    '\x08\x01',
    '\x0a\x02v1',
    '\x12\x09ConfigMap',
    '\x12\x06Secret',
    '\x12\x03Pod',
    '\x12\x0dDeleteOptions',
    '\x12\x04\x12\x02\x0a\x00',
    '\x92\x01\x02\x0a\x00',
    '\xff\xff\xff\xff\x0f',
    '\x80',
    '\x0a\x00',
    '\x0b',
    '\x0d',
    '\x1a\x05\x0a\x01a\x12\x00',
  ],
  check(input) {
    const value = decodeProtobuf(Buffer.from(input, 'latin1'));
    requireSame('the object as JSON', JSON.parse(JSON.stringify(value)), value);
    if (Object.keys(Object.prototype).length > 0) throw new Error('the prototype of all objects was changed');
  },
};

export const streamFrame: Target = {
  name: 'stream-frame',
  words: [
    '\x00',
    '\x01',
    '\x03',
    '\x04',
    '\xff',
    '{"Width":80,"Height":24}',
    '{"Width":',
    '1e9',
    '{"status":"Success"}',
    '"reason":"NonZeroExitCode"',
    '"causes":[null]',
    '{"details":null}',
  ],
  check(input) {
    const frame = decodeFrame(Buffer.from(input, 'latin1'), true);
    requireSame(
      'the frame written again',
      encodeFrame(frame.channel, frame.payload).toString('latin1'),
      input,
    );
    tolerate(() => {
      const size = decodeSize(frame.payload);
      requireSame('the size written again', decodeSize(decodeFrame(encodeSize(size), true).payload), size);
    });
    const code = exitCodeOf(frame.payload);
    if (!Number.isInteger(code)) throw new Error(`an exit code ${code}`);
  },
};

/** A refusal by one reader does not keep the next from being asked. */
function tolerate(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ApiError') throw error;
  }
}
