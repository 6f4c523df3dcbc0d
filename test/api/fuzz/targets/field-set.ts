/** FieldsV1: what is accepted as a set behaves as one, and survives being stored. */

import {
  difference,
  inOrder,
  intersection,
  isEmptySet,
  isFieldSet,
  pathsOf,
  sameFields,
  union,
} from '../../../../api/server/apply/field-set.ts';
import { decodeJson } from '../../../../api/server/decode-body.ts';
import { requireSame, type Target } from '../fuzzer.ts';

const other = {
  'f:spec': { '.': {}, 'f:replicas': {}, 'f:containers': { 'k:{"name":"a"}': { 'f:image': {} } } },
  'f:metadata': {},
};

export const fieldsV1: Target = {
  name: 'fields-v1',
  words: [
    'f:spec',
    'f:replicas',
    'k:{"name":"a"}',
    'k:{}',
    'k:[]',
    'v:"a"',
    'v:1',
    'i:0',
    'i:x',
    '.',
    'f:',
    'f:__proto__',
    'f:constructor',
    'f:containers',
  ],
  check(input) {
    const set = decodeJson(Buffer.from(input, 'latin1'));
    if (!isFieldSet(set)) return;
    requireSame('a set and its own union', pathsOf(union(set, set)), pathsOf(set));
    if (!isEmptySet(difference(set, set))) throw new Error('a set without itself is not empty');
    requireSame(
      'the parts put together',
      pathsOf(union(difference(set, other), intersection(set, other))),
      pathsOf(set),
    );
    requireSame('union either way', pathsOf(union(set, other)), pathsOf(union(other, set)));
    if (!sameFields(inOrder(set), set)) throw new Error('order changes a set');
    requireSame('the set stored and read', pathsOf(JSON.parse(JSON.stringify(set))), pathsOf(set));
  },
};
