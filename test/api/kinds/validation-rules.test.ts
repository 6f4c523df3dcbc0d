import { describe, expect, it } from 'vitest';
import type { CustomSchema, ValidationRule } from '../../../api/kinds/custom-schema.ts';
import { ruleChecker } from '../../../api/kinds/validation-rules.ts';

const properties: Record<string, CustomSchema> = {
  n: { type: 'integer' },
  x: { type: 'number' },
  s: { type: 'string' },
  t: { type: 'string', format: 'date-time' },
  d: { type: 'string', format: 'duration' },
  flag: { type: 'boolean' },
  list: { type: 'array', items: { type: 'integer' } },
  words: { type: 'array', items: { type: 'string' } },
  map: { type: 'object', additionalProperties: { type: 'string' } },
  port: { 'x-kubernetes-int-or-string': true },
  namespace: { type: 'string' },
};

function check(rule: ValidationRule, value: object, old?: object): string[] {
  const checker = ruleChecker({ type: 'object', properties, 'x-kubernetes-validations': [rule] });
  return (checker?.(value, old) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

describe('rules', () => {
  const cases: [rule: string, holds: object, fails: object][] = [
    ['self.n > 2', { n: 3 }, { n: 2 }],
    ['self.n / 2 == 1', { n: 3 }, { n: 4 }],
    ['self.x > 1.5', { x: 2 }, { x: 1 }],
    ['self.n < self.x', { n: 1, x: 1.5 }, { n: 2, x: 1.5 }],
    ['!has(self.s) || self.s.size() < 3', {}, { s: 'long' }],
    ["self.s.matches('^[a-z]+$')", { s: 'abc' }, { s: 'ABC' }],
    [
      "self.t > timestamp('2030-01-01T00:00:00Z')",
      { t: '2031-01-01T00:00:00Z' },
      { t: '2029-01-01T00:00:00Z' },
    ],
    ["self.d > duration('1h')", { d: '1h30m' }, { d: '59m59s' }],
    ['self.list.all(x, x > 0)', { list: [1, 2] }, { list: [1, 0] }],
    ['self.list.exists_one(x, x == 1)', { list: [1, 2] }, { list: [1, 1] }],
    ['self.list.isSorted() && self.list.sum() == 6', { list: [1, 2, 3] }, { list: [3, 2, 1] }],
    ["self.words.map(w, w + '!').exists(w, w == 'a!')", { words: ['a'] }, { words: ['b'] }],
    ['self.map.all(k, self.map[k].startsWith(k))', { map: { a: 'ab' } }, { map: { a: 'b' } }],
    ["'a' in self.map", { map: { a: '' } }, { map: { b: '' } }],
    ["type(self.port) == int ? self.port < 100 : self.port == 'http'", { port: 80 }, { port: 'ftp' }],
    ["self.__namespace__ != 'x'", { namespace: 'y' }, { namespace: 'x' }],
    ["self.?s.orValue('none') == 'none'", {}, { s: 'some' }],
    ["self.s.charAt(1) == 'b' && self.s.reverse() == 'cba'", { s: 'abc' }, { s: 'acb' }],
    ["self.s.replace('a', 'x') == 'xbx' && self.s.replace('a', 'x', 1) == 'xba'", { s: 'aba' }, { s: 'abb' }],
    ["self.s.lowerAscii().split('-').size() == 2", { s: 'A-b' }, { s: 'A' }],
    [
      "isURL(self.s) && url(self.s).getScheme() == 'https' && url(self.s).getPort() == '8443'",
      { s: 'https://a.b:8443/c' },
      { s: 'http://a.b/c' },
    ],
    [
      "url(self.s).getHostname() == 'a.b' && url(self.s).getEscapedPath() == '/c'",
      { s: 'https://a.b/c' },
      { s: '/c' },
    ],
    ['isIP(self.s) && ip(self.s).family() == 4', { s: '10.0.0.1' }, { s: '::1' }],
    [
      "isCIDR(self.s) && cidr(self.s).containsIP('10.1.2.3') && cidr(self.s).prefixLength() == 8",
      { s: '10.0.0.0/8' },
      { s: '11.0.0.0/8' },
    ],
    ["isQuantity(self.s) && quantity(self.s).isGreaterThan(quantity('1Mi'))", { s: '1Gi' }, { s: '1Ki' }],
    ["quantity(self.s) == quantity('1000m') && quantity(self.s).asInteger() == 1", { s: '1' }, { s: '2' }],
    ['quantity(self.s).add(1).sub(2).sign() == 1', { s: '2' }, { s: '1' }],
    ["sets.contains(['a', 'b', 'c'], self.words)", { words: ['c', 'a', 'a'] }, { words: ['a', 'd'] }],
    ["sets.equivalent(['a', 'b'], self.words)", { words: ['b', 'a', 'b'] }, { words: ['a'] }],
    ['sets.intersects([1, 2], self.list)', { list: [2, 3] }, { list: [3] }],
    ["'%s-%d %.1f %x %%'.format([self.s, 7, 1.25, 255]) == 'a-7 1.3 ff %'", { s: 'a' }, { s: 'b' }],
    ['!format.dns1123Label().validate(self.s).hasValue()', { s: 'a-b' }, { s: 'A_b' }],
    [
      "!format.named('uuid').value().validate(self.s).hasValue()",
      { s: '123e4567-e89b-12d3-a456-426614174000' },
      { s: 'x' },
    ],
    ['format.named(self.s).hasValue()', { s: 'qualifiedName' }, { s: 'toString' }],
    ["url(self.s).getQuery()['a'] == ['1', '2']", { s: '/x?a=1&b=3&a=2' }, { s: '/x?a=1&b=3' }],
    ["ip(self.s).isGlobalUnicast() && string(ip(self.s)) == '8.8.8.8'", { s: '8.8.8.8' }, { s: '127.0.0.1' }],
    ['ip(self.s).isLinkLocalUnicast() && !ip(self.s).isUnspecified()', { s: 'fe80::1' }, { s: '::' }],
    ["cidr('10.0.0.0/8').containsCIDR(self.s)", { s: '10.1.0.0/16' }, { s: '0.0.0.0/0' }],
    ["quantity(self.s).add(quantity('1')).compareTo(quantity('3')) == 0", { s: '2' }, { s: '3' }],
  ];
  it.each(cases)('%s', (rule, holds, fails) => {
    expect(check({ rule }, holds)).toEqual([]);
    expect(check({ rule }, fails)).toEqual([`: failed rule: ${rule}`]);
  });

  it('look at what was before only where there was something', () => {
    const rule = { rule: 'self.n >= oldSelf.n', message: 'may not shrink' };
    expect(check(rule, { n: 1 })).toEqual([]);
    expect(check(rule, { n: 1 }, { n: 2 })).toEqual([': may not shrink']);
    const optional = { rule: 'oldSelf.hasValue() || self.n == 0', optionalOldSelf: true };
    expect(check(optional, { n: 1 })).toHaveLength(1);
    expect(check(optional, { n: 1 }, { n: 1 })).toEqual([]);
  });

  it('know the items of a list by their keys', () => {
    const items: CustomSchema = {
      type: 'object',
      properties: { name: { type: 'string' }, n: { type: 'integer' } },
      'x-kubernetes-validations': [{ rule: 'self.n == oldSelf.n' }],
    };
    const list: CustomSchema = {
      type: 'array',
      items,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    };
    const checker = ruleChecker({ type: 'object', properties: { list } });
    const old = {
      list: [
        { name: 'a', n: 1 },
        { name: 'b', n: 2 },
      ],
    };
    expect(
      checker?.(
        {
          list: [
            { name: 'c', n: 9 },
            { name: 'b', n: 2 },
            { name: 'a', n: 1 },
          ],
        },
        old,
      ),
    ).toEqual([]);
    expect(checker?.({ list: [{ name: 'b', n: 1 }] }, old)).toMatchObject([{ field: 'list[0]' }]);
  });

  it('that have no value are broken, with the reason', () => {
    expect(check({ rule: 'self.n > 1' }, {})).toEqual([': rule "self.n > 1" has no value: No such key: n']);
  });

  it('fall back on their message when its expression has no value', () => {
    const rule = { rule: 'false', message: 'plain', messageExpression: "'n is ' + string(self.n)" };
    expect(check(rule, { n: 3 })).toEqual([': n is 3']);
    expect(check(rule, {})).toEqual([': plain']);
  });

  it('see nothing of the prototype', () => {
    expect(check({ rule: 'has(self.map.constructor)' }, { map: {} })).toHaveLength(1);
  });

  it('never take long, whatever the object', () => {
    const nested = 'self.list.all(a, self.list.all(b, self.list.all(c, a + b + c > 0)))';
    const list = Array.from({ length: 2000 }, () => 1);
    expect(check({ rule: nested }, { list })).toEqual([
      expect.stringContaining('would take too long on an object of this size'),
    ]);
    const startMs = performance.now();
    check({ rule: "self.s.matches('^(a+)+$')" }, { s: `${'a'.repeat(20_000)}!` });
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});

it('texts that would become too long are not made, and rules that may make them are dear', () => {
  const rule = "self.s.replace('a', self.s).replace('a', self.s).size() > 0";
  expect(check({ rule }, { s: 'a'.repeat(1000) })).toEqual([expect.stringContaining('too long')]);
  const inLoops = "self.words.all(a, self.words.all(b, self.words.all(c, c.replace('a', 'b') != '')))";
  const words = Array(100).fill('a');
  expect(check({ rule: inLoops }, { words })).toEqual([expect.stringContaining('would take too long')]);
});
