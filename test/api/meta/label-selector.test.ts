import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { matchesLabels, parseLabelSelector, requirementsOf } from '../../../api/meta/label-selector.ts';
import { reasonOf } from '../../reason-of.ts';

const labels = { app: 'web', tier: 'front', 'example.com/weight': '7', empty: '' };

describe('a label selector', () => {
  test.each<[string, boolean]>([
    ['', true],
    ['  ', true],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier!=back', true],
    ['app!=web', false],
    ['missing!=x', true],
    ['app in (api, web)', true],
    ['app in (api)', false],
    ['app notin (api,db)', true],
    ['missing notin (api)', true],
    ['app', true],
    ['missing', false],
    ['!missing', true],
    ['!app', false],
    ['! app', false],
    ['empty=', true],
    ['empty', true],
    ['missing=', false],
    ['example.com/weight>6', true],
    ['example.com/weight > 7', false],
    ['example.com/weight<8', true],
    ['app>1', false],
    ['in', false],
    ['in in (in)', false],
    ['notin', false],
    ['inner', false],
    ['constructor', false],
    ['toString=x', false],
    ['app in (web),tier in (front,back),!gone,example.com/weight', true],
  ])('%j is %s', (text, matches) => {
    expect(matchesLabels(parseLabelSelector(text), labels)).toBe(matches);
  });

  test.each([
    'a in (',
    'a in ()x',
    'a in b',
    'a in (b',
    'a in (b,',
    'a notin',
    ',',
    ',,',
    'a,',
    ',a',
    '!',
    '!!a',
    '=',
    '=a',
    'a=b=c',
    'a==b==c',
    'a b',
    '(((((',
    'a in ((b))',
    '-a',
    'a=-b',
    'a/b/c',
    'é=1',
    'a=é',
    'a=.*',
    `a=${'x'.repeat(64)}`,
    `${'x'.repeat(64)}=a`,
    'a\n=b',
    Array(65).fill('a').join(','),
  ])('%j is refused', (text) => {
    const error = reasonOf(() => parseLabelSelector(text));
    expect(error.reason).toBe('BadRequest');
    expect(error.message.length).toBeLessThan(700);
  });

  test('of 10,000 terms is refused', () => {
    expect(reasonOf(() => parseLabelSelector(Array(10_000).fill('a=b').join(','))).message).toContain('64');
  });

  test('is parsed or refused, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab=!,()<> in/.-'), maxLength: 60 }), (text) => {
        try {
          parseLabelSelector(text);
        } catch (error) {
          expect(error).toHaveProperty('reason', 'BadRequest');
        }
      }),
    );
  });

  test('means the same in a spec', () => {
    const requirements = requirementsOf({
      matchLabels: { app: 'web' },
      matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['back'] }],
    });
    expect(requirements).toEqual(parseLabelSelector('app=web,tier notin (back)'));
  });

  test('an object without labels matches what asks for nothing', () => {
    expect(matchesLabels(parseLabelSelector('!app'))).toBe(true);
    expect(matchesLabels(parseLabelSelector('app'))).toBe(false);
  });
});
