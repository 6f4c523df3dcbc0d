import { describe, expect, test } from 'vitest';
import { contentTypeOf, negotiate } from '../../../api/server/negotiate.ts';

const kubectlTable =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
const newDiscovery =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

describe('negotiation', () => {
  test.each<[string, string | undefined, object]>([
    ['nothing', undefined, { type: 'json' }],
    ['anything', '*/*', { type: 'json' }],
    ['plain JSON', 'application/json', { type: 'json' }],
    ['a typed client', 'application/json, */*', { type: 'json' }],
    ['a typed client of 1.32', 'application/vnd.kubernetes.protobuf,application/json', { type: 'json' }],
    ['only protobuf', 'application/vnd.kubernetes.protobuf', { type: 'json' }],
    ['kubectl get', kubectlTable, { type: 'table', version: 'v1', includeObject: 'Metadata' }],
    [
      'an old table',
      'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
      { type: 'table', version: 'v1beta1', includeObject: 'Metadata' },
    ],
    [
      'a table of tomorrow',
      'application/json;as=Table;v=v7;g=meta.k8s.io,application/json',
      { type: 'json' },
    ],
    [
      'JSON before a table',
      'application/json,application/json;as=Table;v=v1;g=meta.k8s.io',
      { type: 'json' },
    ],
    [
      'metadata only',
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
      { type: 'metadata', version: 'v1' },
    ],
    ['discovery from 1.30 on', newDiscovery, { type: 'discovery', version: 'v2' }],
    [
      'discovery up to 1.29',
      'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json',
      { type: 'discovery', version: 'v2beta1' },
    ],
    [
      'spaces and upper case',
      ' Application/JSON ; as=Table ; v=v1 ; g=meta.k8s.io ',
      { type: 'table', version: 'v1', includeObject: 'Metadata' },
    ],
    ['nonsense', ';;;=,,,', { type: 'json' }],
    ['a hostile parameter', 'application/json;__proto__=x;as=Table', { type: 'json' }],
    ['100,000 ranges', 'a/b,'.repeat(100_000), { type: 'json' }],
  ])('%s', (_name, accept, representation) => {
    expect(negotiate(accept)).toEqual(representation);
  });

  test.each(['None', 'Metadata', 'Object'])('rows carry what includeObject=%s asks for', (includeObject) => {
    expect(negotiate(kubectlTable, { includeObject })).toMatchObject({ includeObject });
  });

  test('the answer repeats the profile of discovery in its type', () => {
    expect(contentTypeOf(negotiate(newDiscovery))).toBe(
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
    expect(contentTypeOf(negotiate(kubectlTable))).toBe('application/json');
  });
});
