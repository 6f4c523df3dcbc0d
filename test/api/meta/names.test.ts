import { describe, expect, test } from 'vitest';
import {
  configKeyError,
  dnsLabelError,
  dnsSubdomainError,
  environmentNameError,
  generatedName,
  labelValueError,
  qualifiedNameError,
} from '../../../api/meta/names.ts';
import { seededRandom } from '../../../api/meta/random.ts';

const long = (length: number): string => 'a'.repeat(length);

/** Per rule: names that are fine, and names that are not. */
const rules: [string, (name: string) => string | undefined, good: string[], bad: string[]][] = [
  [
    'a DNS label',
    dnsLabelError,
    ['a', '0', 'a-b', 'web-0-0', long(63)],
    [
      '',
      '.',
      '..',
      'a.b',
      'a_b',
      '-a',
      'a-',
      'A',
      'a/b',
      'a%2fb',
      'a\n',
      '\na',
      'é',
      'wеb',
      'a\0',
      'a b',
      long(64),
    ],
  ],
  [
    'a DNS subdomain',
    dnsSubdomainError,
    ['a', 'a.b', 'a-b.c-d', '1.2', [long(63), long(63), long(63), long(61)].join('.')],
    ['', '.', '..', 'a..b', '.a', 'a.', 'a.-b', 'A.b', 'a/b', 'a\n', 'a_b', long(254), `${long(64)}.a`],
  ],
  [
    'a qualified name',
    qualifiedNameError,
    ['a', 'A_b.c-d', 'example.com/a', 'constructor', 'toString', `${'a.'.repeat(126)}a/x`, long(63)],
    [
      '',
      '/',
      'a/',
      '/a',
      'a/b/c',
      '-a',
      'a-',
      'Example.com/a',
      'a b',
      'a\n',
      'é',
      long(64),
      `${long(254)}/a`,
    ],
  ],
  [
    'a label value',
    labelValueError,
    ['', 'a', 'A.b_c-1', long(63)],
    ['-a', 'a-', 'a b', 'a/b', 'é', 'a\n', long(64)],
  ],
  [
    'an environment name',
    environmentNameError,
    ['A', '_a', 'a.b-c', 'PATH'],
    ['', '1A', 'A=B', 'A B', 'A\0', 'é', 'A\n', long(1025)],
  ],
  [
    'a key of a config map',
    configKeyError,
    ['a', '.a', 'a..b', 'A_b.c-1'],
    ['', '.', '..', 'a/b', 'a b', long(254)],
  ],
];

describe.each(rules)('%s', (_name, errorOf, good, bad) => {
  test.each(good)('may be %j', (name) => {
    expect(errorOf(name)).toBeUndefined();
  });
  test.each(bad)('may not be %j', (name) => {
    expect(errorOf(name)).toEqual(expect.any(String));
  });
});

test('names are checked in time linear in their length', () => {
  const hostile = `${'a'.repeat(100_000)}!`;
  for (const [, errorOf] of rules) expect(errorOf(hostile)).toEqual(expect.any(String));
});

test('a generated name is its prefix and five letters or digits', () => {
  const random = seededRandom(1);
  const names = Array.from({ length: 100 }, () => generatedName('web-', random));
  for (const name of names) expect(name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2-9]{5}$/);
  expect(new Set(names).size).toBe(100);
  expect(generatedName(long(300), random)).toHaveLength(253);
});
