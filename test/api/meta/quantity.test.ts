import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalQuantity,
  formatAmount,
  formatQuantity,
  isQuantity,
  milliCpu,
  parseQuantity,
  resourceAmounts,
  wholeUnits,
} from '../../../api/meta/quantity.ts';
import { reasonOf } from '../../reason-of.ts';

describe('the canonical form', () => {
  // The cases of Kubernetes' resource.Quantity tests, where the two grammars meet.
  test.each<[string | number, string]>([
    ['0', '0'],
    ['-0', '0'],
    ['0n', '0'],
    ['0Ki', '0'],
    ['00', '0'],
    [1, '1'],
    [0.5, '500m'],
    [1e3, '1k'],
    [1e-9, '1e-9'],
    ['1000', '1k'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['1025Ki', '1025Ki'],
    ['1000k', '1M'],
    ['0.5', '500m'],
    ['500m', '500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['0.1', '100m'],
    ['0.001', '1m'],
    ['.5', '500m'],
    ['5.', '5'],
    ['+5', '5'],
    ['-5m', '-5m'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.3Ki', '307200m'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['100e-3', '100e-3'],
    ['12e6', '12e6'],
    ['1E', '1E'],
    ['1Ei', '1Ei'],
    ['7Ei', '7Ei'],
    ['0000001Mi', '1Mi'],
    ['100u', '100u'],
    ['1000000n', '1m'],
  ])('of %j is %j', (written, canonical) => {
    expect(canonicalQuantity(written)).toBe(canonical);
    expect(canonicalQuantity(canonical)).toBe(canonical);
  });

  test('loses nothing a double would lose', () => {
    expect(parseQuantity('0.1').nano + parseQuantity('0.2').nano).toBe(parseQuantity('0.3').nano);
    expect(canonicalQuantity('9007199254740993')).toBe('9007199254740993');
    expect(canonicalQuantity('9223372036854775807')).toBe('9223372036854775807');
  });

  test('rounds what is finer than a nano away from zero', () => {
    expect(canonicalQuantity('0.0000000001')).toBe('1n');
    expect(canonicalQuantity('-0.0000000001')).toBe('-1n');
    expect(canonicalQuantity('1e-30')).toBe('1e-9');
  });
});

describe('a round trip', () => {
  const suffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'e3', 'E-2'];
  const digits = fc.stringMatching(/^\d{1,6}$/);
  const written = fc
    .tuple(fc.constantFrom('', '-', '+'), digits, fc.option(digits), fc.constantFrom(...suffixes))
    .map(
      ([sign, whole, fraction, suffix]) =>
        `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${suffix}`,
    );

  test('through the canonical text keeps the exact value and the text', () => {
    fc.assert(
      fc.property(written, (text) => {
        fc.pre(isQuantity(text));
        const quantity = parseQuantity(text);
        const canonical = formatQuantity(quantity);
        expect(parseQuantity(canonical).nano).toBe(quantity.nano);
        expect(canonicalQuantity(canonical)).toBe(canonical);
      }),
      { numRuns: 2000 },
    );
  });

  test('of any number of nano units is exact in every family', () => {
    const nano = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
    fc.assert(
      fc.property(
        nano,
        fc.constantFrom('decimal' as const, 'binary' as const, 'exponent' as const),
        (value, family) => {
          expect(parseQuantity(formatQuantity({ nano: value, family })).nano).toBe(value);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('never crashes on arbitrary text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(typeof isQuantity(text)).toBe('boolean');
      }),
    );
  });
});

describe('refused', () => {
  test.each<[unknown]>([
    [''],
    [' '],
    [' 1'],
    ['1 '],
    ['1\n'],
    ['.'],
    ['-'],
    ['+'],
    ['m'],
    ['Ki'],
    ['1k i'],
    ['1e3Ki'],
    ['1Kim'],
    ['1mm'],
    ['1K'],
    ['1MB'],
    ['1gi'],
    ['0x10'],
    ['1_000'],
    ['1,5'],
    ['--1'],
    ['1-'],
    ['１'],
    ['NaN'],
    ['Infinity'],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    ['1Ei'.repeat(9)],
    ['9'.repeat(41)],
    ['9223372036854775808'],
    ['8Ei'],
    ['10E'],
    ['1e30'],
    ['1e999'],
    ['1e9999'],
    ['-1e30'],
    ['1'.repeat(1_000_000)],
  ])('%j', (text) => {
    expect(isQuantity(text)).toBe(false);
    expect(reasonOf(() => parseQuantity(text as string)).message.length).toBeLessThan(400);
  });

  test.each([[null], [undefined], [{}], [[]], [true]])('%j, which is neither text nor number', (value) => {
    expect(isQuantity(value)).toBe(false);
  });
});

describe('amounts', () => {
  test('are whole numbers, rounded up: a request is never cut', () => {
    expect(milliCpu('0.0001')).toBe(1);
    expect(milliCpu('250m')).toBe(250);
    expect(milliCpu(2)).toBe(2000);
    expect(wholeUnits('1.5')).toBe(2);
    expect(wholeUnits('64Mi')).toBe(67_108_864);
    expect(resourceAmounts({ cpu: '0.5', memory: '1Ki', 'example.com/gpu': '2' })).toEqual({
      cpu: 500,
      memory: 1024,
      'example.com/gpu': 2,
    });
  });

  test('are shown in the way people write them', () => {
    expect(formatAmount('cpu', 1500)).toBe('1500m');
    expect(formatAmount('memory', 67_108_864)).toBe('64Mi');
    expect(formatAmount('example.com/gpu', 2)).toBe('2');
  });
});
