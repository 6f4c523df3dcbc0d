import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, maxBodyBytes } from '../../../api/server/decode-body.ts';
import { reasonOf } from '../../reason-of.ts';

const refused: [name: string, body: string | Buffer, reason: string, says: RegExp][] = [
  ['nothing', '', 'BadRequest', /empty/],
  ['only space', ' \n', 'BadRequest', /empty/],
  ['a body over the limit', Buffer.alloc(maxBodyBytes + 1, 0x20), 'RequestEntityTooLarge', /3145728/],
  ['1.5 million open brackets', '['.repeat(1_500_000), 'BadRequest', /nested deeper than 64/],
  ['1.5 million nested arrays', '['.repeat(1_500_000) + ']'.repeat(1_500_000), 'BadRequest', /nested/],
  ['100,000 nested objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 'BadRequest', /nested/],
  ['depth 65', '['.repeat(65) + ']'.repeat(65), 'BadRequest', /nested deeper than 64/],
  ['a million empty objects', `[${'{},'.repeat(999_999)}{}]`, 'BadRequest', /more than 200000 values/],
  ['a million numbers', `[${'0,'.repeat(999_999)}0]`, 'BadRequest', /more than 200000 values/],
  ['__proto__', '{"a":{"__proto__":{"polluted":1}}}', 'BadRequest', /__proto__/],
  ['__proto__ in escapes', '{"\\u005f_proto__":1}', 'BadRequest', /__proto__/],
  ['a duplicate key', '{"spec":{"a":1,"b":2,"a":3}}', 'BadRequest', /duplicate field "a"/],
  ['a duplicate key in escapes', '{"a":1,"\\u0061":2}', 'BadRequest', /duplicate field/],
  ['a duplicate key of an object', '{"a":{"x":1},"a":{"y":{"z":1}}}', 'BadRequest', /duplicate field "a"/],
  ['trailing garbage', '{"a":1} x', 'BadRequest', /not JSON/],
  ['two documents', '{"a":1}{"b":1}', 'BadRequest', /not JSON/],
  ['a comment', '{"a":1 /* why */}', 'BadRequest', /not JSON/],
  ['single quotes', "{'a':1}", 'BadRequest', /not JSON/],
  ['a half document', '{"a":', 'BadRequest', /not JSON/],
  ['an unclosed string', '{"a":"b', 'BadRequest', /not JSON/],
  ['a string that ends in a backslash', '{"a":"b\\', 'BadRequest', /not JSON/],
  ['YAML', 'apiVersion: v1\nkind: Node\n', 'BadRequest', /not JSON/],
  ['NaN', '{"a":NaN}', 'BadRequest', /not JSON/],
  ['a byte order mark', Buffer.from('\ufeff{"a":1}'), 'BadRequest', /not JSON/],
  ['UTF-16', Buffer.from('{"a":1}', 'utf16le'), 'BadRequest', /not (UTF-8|JSON)/],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'BadRequest', /not UTF-8/],
  [
    'overlong UTF-8',
    Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]),
    'BadRequest',
    /not UTF-8/,
  ],
  ['half a surrogate pair', '{"a":"\\ud800"}', 'BadRequest', /surrogate/],
  ['half a surrogate pair as key', '{"\\udc00":1}', 'BadRequest', /surrogate/],
  ['1e400', '{"a":1e400}', 'BadRequest', /2\^53/],
  ['2^53+1', '{"a":9007199254740993}', 'BadRequest', /2\^53/],
  ['a number', '42', 'BadRequest', /must be a JSON object/],
  ['text', '"a"', 'BadRequest', /must be a JSON object/],
  ['null', 'null', 'BadRequest', /must be a JSON object/],
];

describe('decodeJson refuses', () => {
  test.each(refused)('%s', (_name, body, reason, says) => {
    const error = reasonOf(() => decodeJson(Buffer.from(body)));
    expect(error.reason).toBe(reason);
    expect(error.message).toMatch(says);
    expect(error.message.length).toBeLessThan(600);
  });
});

describe('decodeJson accepts', () => {
  test.each<[string, string, unknown]>([
    ['depth 64', '['.repeat(64) + ']'.repeat(64), JSON.parse('['.repeat(64) + ']'.repeat(64))],
    ['brackets inside of text', `{"a":"${'['.repeat(1000)}"}`, { a: '['.repeat(1000) }],
    ['quotes and colons inside of text', '{"a":"\\":\\"x\\":","b\\":":1}', { a: '":"x":', 'b":': 1 }],
    ['a trailing newline', '{"a":1}\n', { a: 1 }],
    ['the same key in two objects', '[{"a":1},{"a":{"a":2}}]', [{ a: 1 }, { a: { a: 2 } }]],
    [
      'words that are methods of objects',
      '{"constructor":1,"toString":2,"valueOf":3,"hasOwnProperty":4}',
      {
        constructor: 1,
        toString: 2,
        valueOf: 3,
        hasOwnProperty: 4,
      },
    ],
    ['all of Unicode', '{"é":"日本\\u0000😀"}', { é: '日本\u0000😀' }],
    ['an array', '[{"op":"test"}]', [{ op: 'test' }]],
  ])('%s', (_name, body, value) => {
    expect(decodeJson(Buffer.from(body))).toEqual(value);
  });

  test('no prototype is changed by any body', () => {
    reasonOf(() => decodeJson(Buffer.from('{"__proto__":{"polluted":true}}')));
    decodeJson(Buffer.from('{"constructor":{"prototype":{"polluted":true}}}'));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('every JSON object comes back as it was sent', () => {
    const members = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__' && !/\p{Surrogate}/u.test(key)),
      fc.jsonValue({ maxDepth: 5, noUnicodeString: true }),
    );
    fc.assert(
      fc.property(members, (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__') && !/\d{16}|e\+/.test(text));
        expect(JSON.stringify(decodeJson(Buffer.from(text)))).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });
});
