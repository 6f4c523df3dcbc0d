/** Quantities: what is read is what exact arithmetic says, and the canonical form reads as the same. */
import { formatQuantity, parseQuantity } from '../../../../api/meta/quantity.ts';
import { requireSame, type Target } from '../fuzzer.ts';

const factors: Record<string, number> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

export const quantity: Target = {
  name: 'quantity',
  words: [
    ...Object.keys(factors),
    '0',
    '1',
    '7',
    '999',
    '.',
    '-',
    '+',
    'e3',
    'E-2',
    'e',
    '0x',
    '١',
    '１',
    'Infinity',
  ],
  check(input) {
    const value = parseQuantity(input);
    const canonical = formatQuantity(value);
    const again = parseQuantity(canonical);
    requireSame(`the canonical form ${canonical}`, again.nano, value.nano);
    requireSame('the canonical form of the canonical form', formatQuantity(again), canonical);
    requireClose(input, Number(value.nano) / 1e9);
  },
};

/** The oracle is floating point: right but for the last digits, and for what is below a nano. */
function requireClose(input: string, value: number): void {
  const suffix = /([numkMGTPE]|[KMGTPE]i)$/.exec(input)?.[0] ?? '';
  const expected = Number(input.slice(0, input.length - suffix.length)) * (factors[suffix] ?? 1);
  const difference = Math.abs(expected - value);
  if (!(difference <= 1e-9 + Math.abs(expected) * 1e-12))
    throw new Error(`${input} is ${value}, not ${expected}`);
}
