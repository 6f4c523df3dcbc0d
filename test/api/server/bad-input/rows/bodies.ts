/** Bodies that are no object of any kind: size, encoding, depth, prototypes, numbers, the shape of JSON. */
import { gzipSync } from 'node:zlib';
import { job, jobs, type Row } from './row.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const protobuf = { 'content-type': 'application/vnd.kubernetes.protobuf' };
const badRequest = (name: string, body: string | Buffer, says: RegExp): Row => [
  name,
  { body },
  400,
  'BadRequest',
  says,
];

export const bodyRows: readonly Row[] = [
  [
    '5 MB',
    { body: job({}, { annotations: { a: 'x'.repeat(5_000_000) } }) },
    413,
    'RequestEntityTooLarge',
    /3145728|limit/i,
  ],
  ['[ × 100,000', { body: '['.repeat(100_000) }, 400, 'BadRequest', /nested deeper/],
  [
    '__proto__',
    { body: '{"metadata":{"name":"x"},"__proto__":{"admin":true}}' },
    400,
    'BadRequest',
    /__proto__/,
  ],
  [
    'a duplicate key',
    { body: '{"metadata":{"name":"x","name":"y"}}' },
    400,
    'BadRequest',
    /duplicate field "name"/,
  ],
  ['broken JSON', { body: '{"metadata":' }, 400, 'BadRequest', /not JSON/],
  ['invalid UTF-8', { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 400, 'BadRequest', /UTF-8/],
  ['no body', {}, 400, 'BadRequest', /empty/],
  [
    'YAML',
    { body: 'kind: Job', headers: { 'content-type': 'application/yaml' } },
    415,
    'UnsupportedMediaType',
    /application\/json/,
  ],
  ['gzip', { body: gzipSync(job()), headers: { 'content-encoding': 'gzip' } }, 400, 'BadRequest', /./],
  [
    'another kind',
    { body: '{"apiVersion":"v1","kind":"Node","metadata":{"name":"x"}}' },
    400,
    'BadRequest',
    /Node/,
  ],
  [
    'a number past 2^53',
    { body: job().replace('"spec":{', '"spec":{"completions":9007199254740993,') },
    400,
    'BadRequest',
    /2\^53/,
  ],

  [
    'more than a store takes in one transaction',
    {
      path: configMaps,
      body: JSON.stringify({ metadata: { name: 'big' }, data: { a: 'x'.repeat(2_000_000) } }),
    },
    413,
    'RequestEntityTooLarge',
    /too large/,
  ],
  [
    'a gzip bomb',
    { body: gzipSync(Buffer.alloc(64 * 1024 * 1024)), headers: { 'content-encoding': 'gzip' } },
    400,
    'BadRequest',
    /./,
  ],
  badRequest(
    '300,000 values',
    `{"metadata":{"name":"x"},"a":[${'0,'.repeat(300_000)}0]}`,
    /more than 200000 values/,
  ),
  badRequest(
    '60,000 fields',
    `{${Array.from({ length: 60_000 }, (_, index) => `"a${index}":1`).join()}}`,
    /more than 50000 fields/,
  ),
  badRequest('depth in an array', `{"spec":${'['.repeat(65)}${']'.repeat(65)}}`, /nested deeper/),
  badRequest('__proto__ deep inside', job({ template: {} }).replace('{}', '{"__proto__":1}'), /__proto__/),
  badRequest(
    '__proto__ as a label',
    job({}, { labels: {} }).replace('"labels":{', '"labels":{"__proto__":"x"'),
    /__proto__/,
  ),
  badRequest('1e400', job().replace('"spec":{', '"spec":{"completions":1e400,'), /2\^53/),
  badRequest('2^63', job().replace('"spec":{', '"spec":{"completions":9223372036854775808,'), /2\^53/),
  badRequest('NaN', job().replace('"spec":{', '"spec":{"completions":NaN,'), /not JSON/),
  badRequest('a hexadecimal number', job().replace('"spec":{', '"spec":{"completions":0x10,'), /not JSON/),
  badRequest(
    'half of a surrogate pair',
    job({}, { annotations: { a: 'X' } }).replace('X', '\\ud800'),
    /surrogate/,
  ),
  badRequest('two documents', `${job()}${job()}`, /not JSON/),
  badRequest('trailing garbage', `${job()}x`, /not JSON/),
  badRequest('a comment', `/* a job */${job()}`, /not JSON/),
  badRequest('single quotes', job().replaceAll('"', "'"), /not JSON/),
  badRequest('UTF-16', Buffer.from(job(), 'utf16le'), /not (JSON|UTF-8)/),
  badRequest('a byte order mark', Buffer.from(`\ufeff${job()}`), /not JSON/),
  badRequest('overlong UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), /UTF-8/),
  badRequest('a list', '[]', /object/),
  badRequest('a text', '"Job"', /object/),
  badRequest('metadata that is a list', '{"metadata":[],"spec":{}}', /metadata/),
  ['metadata that is null', { body: '{"metadata":null,"spec":{}}' }, 422, 'Invalid', /template/],
  [
    'protobuf of nothing but tags',
    {
      path: configMaps,
      headers: protobuf,
      body: Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(2_000_000, 8)]),
    },
    400,
    'BadRequest',
    /protobuf/,
  ],
  [
    'JSON called protobuf',
    { path: configMaps, headers: protobuf, body: '{}' },
    400,
    'BadRequest',
    /protobuf/,
  ],
  [
    'protobuf of a kind that has no such form',
    { path: jobs, headers: protobuf, body: Buffer.from('6b3873000a0b0a0276311205506f6473', 'hex') },
    400,
    'BadRequest',
    /./,
  ],
  [
    'a Content-Type of 10,000 characters',
    { body: job(), headers: { 'content-type': `application/${'x'.repeat(10_000)}` } },
    415,
    'UnsupportedMediaType',
    /application\/json/,
  ],
];
