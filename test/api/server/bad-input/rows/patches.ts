/** Patches that cannot be, or that would take too long. */
import { jobs, jsonPatchType, mergeType, type Row, strategicType } from './row.ts';

const kept = `${jobs}/kept`;
const operations = (
  name: string,
  patch: unknown[],
  [status, reason]: [number, string],
  says: RegExp,
): Row => [
  `a JSON patch ${name}`,
  { method: 'PATCH', path: kept, headers: jsonPatchType, body: JSON.stringify(patch) },
  status,
  reason,
  says,
];
const merged = (name: string, patch: object, [status, reason]: [number, string], says: RegExp): Row => [
  `a merge patch ${name}`,
  { method: 'PATCH', path: kept, headers: mergeType, body: JSON.stringify(patch) },
  status,
  reason,
  says,
];
const badRequest: [number, string] = [400, 'BadRequest'];
const unprocessable: [number, string] = [422, 'Invalid'];
const tooLarge: [number, string] = [413, 'RequestEntityTooLarge'];
const times = <T>(count: number, item: T): T[] => Array(count).fill(item);
const longList = { op: 'add', path: '/metadata/x', value: times(100_000, 0) };

export const patchRows: readonly Row[] = [
  [
    '{"a": × 100,000 in a merge patch',
    { method: 'PATCH', path: `${jobs}/x`, headers: mergeType, body: '{"a":'.repeat(100_000) },
    400,
    'BadRequest',
    /nested deeper/,
  ],
  [
    '__proto__ in a merge patch',
    { method: 'PATCH', path: `${jobs}/x`, headers: mergeType, body: '{"metadata":{"__proto__":{"a":1}}}' },
    400,
    'BadRequest',
    /__proto__/,
  ],
  [
    'a patch of something that is not there',
    { method: 'PATCH', path: `${jobs}/nope`, headers: mergeType, body: '{}' },
    404,
    'NotFound',
    /nope/,
  ],
  [
    'a patch that renames',
    { method: 'PATCH', path: `${jobs}/kept`, headers: mergeType, body: '{"metadata":{"name":"other"}}' },
    400,
    'BadRequest',
    /name/,
  ],
  [
    'a patch to null',
    { method: 'PATCH', path: `${jobs}/kept`, headers: mergeType, body: 'null' },
    400,
    'BadRequest',
    /object/,
  ],
  [
    'a JSON patch that fails',
    {
      method: 'PATCH',
      path: `${jobs}/kept`,
      headers: jsonPatchType,
      body: '[{"op":"remove","path":"/nope"}]',
    },
    422,
    'Invalid',
    /operation 0/,
  ],
  [
    '10,001 operations',
    {
      method: 'PATCH',
      path: `${jobs}/kept`,
      headers: jsonPatchType,
      body: `[${'{"op":"test","path":"/kind","value":"Job"},'.repeat(10_000)}{"op":"test","path":"/kind","value":"Job"}]`,
    },
    413,
    'RequestEntityTooLarge',
    /10000/,
  ],
  [
    'an unknown patch type',
    { method: 'PATCH', path: `${jobs}/kept`, headers: { 'content-type': 'text/plain' }, body: '{}' },
    415,
    'UnsupportedMediaType',
    /takes/,
  ],

  operations(
    'that is deep',
    [{ op: 'add', path: '/x', value: JSON.parse('['.repeat(70) + ']'.repeat(70)) }],
    badRequest,
    /nested deeper/,
  ),
  operations('that is no list', {} as unknown[], badRequest, /list of operations/),
  operations(
    'with an index for text',
    [{ op: 'add', path: '/spec/template/spec/containers/one', value: {} }],
    unprocessable,
    /item of the list/,
  ),
  operations(
    'with an index beyond the end',
    [{ op: 'add', path: '/spec/template/spec/containers/9', value: {} }],
    unprocessable,
    /beyond the end/,
  ),
  operations(
    'with a dash for an item',
    [{ op: 'remove', path: '/spec/template/spec/containers/-' }],
    unprocessable,
    /item of the list/,
  ),
  operations('with a broken escape', [{ op: 'remove', path: '/a~2b' }], badRequest, /must have a path/),
  operations(
    'that tests in vain',
    [{ op: 'test', path: '/metadata/name', value: 'other' }],
    unprocessable,
    /tested for/,
  ),
  operations(
    'that moves a value into itself',
    [{ op: 'move', from: '/spec', path: '/spec/a' }],
    badRequest,
    /into itself/,
  ),
  operations('of the root', [{ op: 'replace', path: '', value: {} }], badRequest, /must have a path/),
  operations(
    'into __proto__',
    [{ op: 'add', path: '/__proto__/x', value: 1 }],
    badRequest,
    /must have a path/,
  ),
  operations(
    'into constructor.prototype',
    [{ op: 'add', path: '/constructor/prototype/x', value: 1 }],
    badRequest,
    /must have a path/,
  ),
  operations(
    'from __proto__',
    [{ op: 'copy', from: '/__proto__', path: '/metadata/x' }],
    badRequest,
    /must have from/,
  ),
  operations('that renames', [{ op: 'replace', path: '/metadata/name', value: 'other' }], badRequest, /name/),
  operations(
    'to another namespace',
    [{ op: 'replace', path: '/metadata/namespace', value: 'kube-system' }],
    badRequest,
    /namespace/,
  ),
  operations(
    'of another version',
    [{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }],
    [409, 'Conflict'],
    /./,
  ),
  operations(
    'that copies itself over and over',
    times(60, { op: 'copy', from: '/spec', path: '/spec/x' }),
    badRequest,
    /nested deeper/,
  ),
  operations(
    'whose copies are too large',
    [
      { op: 'add', path: '/metadata/x', value: 'x'.repeat(400_000) },
      ...times(20, { op: 'copy', from: '/metadata/x', path: '/metadata/y' }),
    ],
    tooLarge,
    /copies/,
  ),
  operations(
    'that shifts a long list by one, 10,000 times',
    [longList, ...times(9_999, { op: 'move', from: '/metadata/x/0', path: '/metadata/x/99999' })],
    tooLarge,
    /too many items/,
  ),
  merged('of the apiVersion', { apiVersion: 'gantry.dev/v9' }, badRequest, /apiVersion|v9/),
  merged('of the kind', { kind: 'Task' }, badRequest, /kind|Task/),
  merged('without a spec', { spec: null }, unprocessable, /spec/),
  merged('of the uid', { metadata: { uid: 'other' } }, [409, 'Conflict'], /uid|UID/),
  [
    'a strategic merge patch of a job with a directive that is none',
    { method: 'PATCH', path: kept, headers: strategicType, body: '{"spec":{"$patch":"remove"}}' },
    400,
    'BadRequest',
    /unknown directive/,
  ],
  [
    'a strategic merge patch called JSON patch',
    { method: 'PATCH', path: kept, headers: jsonPatchType, body: '{"spec":{"$patch":"replace"}}' },
    400,
    'BadRequest',
    /list of operations/,
  ],
  [
    'YAML to apply with a key twice',
    {
      method: 'PATCH',
      path: `${kept}?fieldManager=m`,
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: 'a: 1\na: 2\n',
    },
    400,
    'BadRequest',
    /duplicate field "a"/,
  ],
  [
    'YAML to apply with a billion laughs',
    {
      method: 'PATCH',
      path: `${kept}?fieldManager=m`,
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: `a0: &a0 [1,1]\n${Array.from({ length: 30 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index},*a${index}]`).join('\n')}`,
    },
    400,
    'BadRequest',
    /alias/,
  ],
  [
    'YAML to apply that is deep',
    {
      method: 'PATCH',
      path: `${kept}?fieldManager=m`,
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: `a: ${'- '.repeat(100)}b`,
    },
    400,
    'BadRequest',
    /nested deeper/,
  ],
  [
    'YAML to apply with JavaScript in it',
    {
      method: 'PATCH',
      path: `${kept}?fieldManager=m`,
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: 'a: !!js/function "function () {}"\n',
    },
    400,
    'BadRequest',
    /./,
  ],
];
