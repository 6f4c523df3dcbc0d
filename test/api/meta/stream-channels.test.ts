import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../api/meta/api-error.ts';
import {
  channel,
  closeFrame,
  decodeFrame,
  decodeSize,
  encodeFrame,
  encodeSize,
  exitCodeOf,
  exitStatus,
} from '../../../api/meta/stream-channels.ts';
import {
  agreedProtocol,
  execQuery,
  execRequestOf,
  portOf,
  refusalText,
} from '../../../api/meta/stream-requests.ts';
import { reasonOf } from '../../reason-of.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

describe('a frame', () => {
  it('is a channel and its payload', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 200 }), (number, payload) => {
        const frame = decodeFrame(encodeFrame(number, payload), true);
        expect(frame.channel).toBe(number);
        expect([...frame.payload]).toEqual([...payload]);
      }),
    );
  });

  it('closes a channel as kubectl does', () => {
    expect(closeFrame(channel.stdin)).toEqual(Buffer.from([0xff, 0x00]));
  });

  it.each([
    ['text', bytes('\0hello'), false],
    ['nothing', Buffer.alloc(0), true],
  ])('is never %s', (_case, message, isBinary) => {
    expect(reasonOf(() => decodeFrame(message, isBinary)).reason).toBe('BadRequest');
  });
});

describe('a terminal size', () => {
  it('is told as kubectl tells it', () => {
    const { payload } = decodeFrame(encodeSize({ columns: 80, rows: 24 }), true);
    expect(payload.toString()).toBe('{"Width":80,"Height":24}');
    expect(decodeSize(payload)).toEqual({ columns: 80, rows: 24 });
  });

  /** The committed corpus: garbage that was found, or is likely. */
  it.each([
    '',
    '{',
    'null',
    '[]',
    '"80x24"',
    '{}',
    '{"Width":80}',
    '{"Width":"80","Height":"24"}',
    '{"Width":-1,"Height":24}',
    '{"Width":1.5,"Height":24}',
    '{"Width":1e9,"Height":24}',
    '{"Width":null,"Height":null}',
    '\u0000\u0001',
  ])('is not %j', (text) => {
    expect(reasonOf(() => decodeSize(bytes(text))).reason).toBe('BadRequest');
  });

  it('is whole numbers or refused, whatever comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json().map(bytes), fc.uint8Array().map(Buffer.from)), (payload) => {
        try {
          const { columns, rows } = decodeSize(payload as Buffer);
          expect([columns, rows].every(Number.isInteger)).toBe(true);
        } catch (error) {
          expect((error as ApiError).reason).toBe('BadRequest');
        }
      }),
    );
  });
});

describe('a final status', () => {
  it.each([0, 1, 3, 127, 255])('carries exit code %d', (code) => {
    expect(exitCodeOf(bytes(JSON.stringify(exitStatus(code))))).toBe(code);
  });

  it("is Kubernetes' for a failure", () => {
    expect(exitStatus(3)).toEqual({
      metadata: {},
      status: 'Failure',
      reason: 'NonZeroExitCode',
      message: 'command terminated with non-zero exit code: exit status 3',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  it.each([
    ['no JSON', 'oops', 'BadRequest'],
    ['a list', '[]', 'InternalError'],
    ['another failure', '{"status":"Failure","reason":"NotFound","message":"gone"}', 'NotFound'],
    [
      'a code that is none',
      '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"x"}]}}',
      'InternalError',
    ],
    [
      'causes that are none',
      '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":7}}',
      'InternalError',
    ],
  ])('that is %s is an error', (_case, text, reason) => {
    expect(reasonOf(() => exitCodeOf(bytes(text))).reason).toBe(reason);
  });
});

describe('a request for a command', () => {
  it('wants output unless told otherwise, and input only when told', () => {
    const request = execRequestOf(new URLSearchParams('command=ls&command=-l'));
    expect(request).toEqual({ command: ['ls', '-l'], stdin: false, stdout: true, stderr: true, tty: false });
    expect(execRequestOf(execQuery(request))).toEqual(request);
  });

  it('has one output with a terminal', () => {
    expect(execRequestOf(new URLSearchParams('command=sh&tty=true&stderr=true')).stderr).toBe(false);
  });

  it.each([
    ['no command', 'stdin=true'],
    ['an empty command', 'command='],
    ['NUL in a word', 'command=ls&command=%00'],
    ['a flag that is neither', 'command=ls&tty=maybe'],
    ['too many words', 'command=x&'.repeat(1001)],
  ])('with %s is refused', (_case, query) => {
    expect(reasonOf(() => execRequestOf(new URLSearchParams(query))).reason).toBe('BadRequest');
  });

  it('survives the way through a query', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: 'grapheme' }).filter((word) => word !== '' && !word.includes('\0')),
          {
            minLength: 1,
          },
        ),
        (command) => {
          const query = execQuery({ command, stdin: true, stdout: true, stderr: true, tty: false });
          expect(execRequestOf(new URLSearchParams(query.toString())).command).toEqual(command);
        },
      ),
    );
  });
});

it.each(['', 'ports=0', 'ports=65536', 'ports=-1', 'ports=80&ports=81', 'ports=8e1', 'ports=80a'])(
  'a port is not %j',
  (query) => {
    expect(reasonOf(() => portOf(new URLSearchParams(query))).reason).toBe('BadRequest');
  },
);

it('the best protocol both speak is taken, whatever the order it is offered in', () => {
  const supported = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
  expect(agreedProtocol('v4.channel.k8s.io,v5.channel.k8s.io', supported)).toBe('v5.channel.k8s.io');
  expect(agreedProtocol('channel.k8s.io, v4.channel.k8s.io', supported)).toBe('v4.channel.k8s.io');
  for (const offered of [undefined, '', 'v3.channel.k8s.io', 'v5.channel.k8s.io.evil'])
    expect(reasonOf(() => agreedProtocol(offered, supported)).reason).toBe('BadRequest');
});

it('a refusal is one whole HTTP answer, whatever the error says', () => {
  const text = refusalText(new ApiError('NotFound', 'no\r\nSet-Cookie: evil=1\r\n\r\n<html>'));
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).not.toContain('evil');
  expect(JSON.parse(body)).toMatchObject({ code: 404, reason: 'NotFound' });
});
