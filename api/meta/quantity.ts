/**
 * Exact resource quantities, Kubernetes' grammar: a signed decimal with a suffix
 * (n u m "" k M G T P E, Ki Mi Gi Ti Pi Ei, or a decimal exponent e3/E-2).
 *
 * A quantity is a BigInt number of nano units (10^-9), so sums never lose anything: `parseQuantity("0.1")`
 * is 100_000_000n. Fractions below a nano are rounded up, away from zero, as Kubernetes does.
 * Canonical form: no fraction, the largest suffix that keeps it whole, in the family the user wrote in.
 */
import { ApiError } from './api-error.ts';

export const NANO = 1_000_000_000n;

interface Scale {
  numerator: bigint;
  exponent: number;
  family: QuantityFamily;
}

const decimalSuffixes: readonly (readonly [string, number])[] = [
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
];
const binarySuffixes = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const scales = new Map<string, Scale>([
  ...decimalSuffixes.map(([suffix, exponent]): [string, Scale] => [
    suffix,
    { numerator: 1n, exponent, family: 'decimal' },
  ]),
  ...binarySuffixes.map((suffix, at): [string, Scale] => [
    suffix,
    { numerator: 1024n ** BigInt(at + 1), exponent: 0, family: 'binary' },
  ]),
]);

const shape = /^([+-]?)(\d*)(?:\.(\d*))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,3})?$/;

/** Digits beyond these are no resource anybody has, and only cost time. */
const maxDigits = 40;
/** 2^63-1 units: Kubernetes' own bound. */
const maxNano = (2n ** 63n - 1n) * NANO;

export type QuantityFamily = 'decimal' | 'binary' | 'exponent';

export interface Quantity {
  nano: bigint;
  family: QuantityFamily;
}

/** Throws ApiError BadRequest when `text` is no quantity. */
export function parseQuantity(text: string | number): Quantity {
  const written = typeof text === 'number' ? String(text) : text;
  const match = shape.exec(written);
  const [, sign, whole = '', fraction = '', suffix = ''] = match ?? [];
  if (!match || whole.length + fraction.length === 0 || whole.length + fraction.length > maxDigits) {
    throw new ApiError(
      'BadRequest',
      `${JSON.stringify(written.slice(0, 100))} is not a quantity: want a number with an optional suffix such as 500m, 1.5, 64Mi or 2Gi`,
    );
  }
  const digits = BigInt(whole + fraction);
  const { numerator, exponent, family } = scaleOf(suffix);
  const tenPower = exponent - fraction.length + 9;
  const nano =
    tenPower >= 0
      ? digits * numerator * 10n ** BigInt(tenPower)
      : divideUp(digits * numerator, 10n ** BigInt(-tenPower));
  if (nano > maxNano)
    throw new ApiError('BadRequest', `${JSON.stringify(written)} is too large: the most is 2^63-1`);
  return { nano: sign === '-' ? -nano : nano, family };
}

function scaleOf(suffix: string): Scale {
  return scales.get(suffix) ?? { numerator: 1n, exponent: Number(suffix.slice(1)), family: 'exponent' };
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** The canonical text of a quantity; `parseQuantity(formatQuantity(q)).nano === q.nano`. */
export function formatQuantity({ nano, family }: Quantity): string {
  if (nano === 0n) return '0';
  const sign = nano < 0n ? '-' : '';
  const size = nano < 0n ? -nano : nano;
  return (
    sign +
    (family === 'binary' && size % NANO === 0n ? formatBinary(size / NANO) : formatDecimal(size, family))
  );
}

function formatBinary(units: bigint): string {
  let suffix = '';
  for (const next of binarySuffixes) {
    if (units % 1024n !== 0n) break;
    units /= 1024n;
    suffix = next;
  }
  return `${units}${suffix}`;
}

function formatDecimal(nano: bigint, family: QuantityFamily): string {
  let digits = nano;
  let exponent = -9;
  while (exponent < 18 && digits % 1000n === 0n) {
    digits /= 1000n;
    exponent += 3;
  }
  if (family === 'exponent') return exponent === 0 ? `${digits}` : `${digits}e${exponent}`;
  return `${digits}${decimalSuffixes.find(([, power]) => power === exponent)?.[0] ?? ''}`;
}

export function canonicalQuantity(text: string | number): string {
  return formatQuantity(parseQuantity(text));
}

/** A quantity in its canonical text, anything else as it is. */
export function canonicalForm(value: unknown): unknown {
  if (typeof value !== 'string' && typeof value !== 'number') return value;
  try {
    return canonicalQuantity(value);
  } catch {
    return value;
  }
}

export function isQuantity(text: unknown): text is string | number {
  if (typeof text !== 'string' && typeof text !== 'number') return false;
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}

/** CPU in thousandths of a core, rounded up: "0.25" is 250. */
export function milliCpu(text: string | number): number {
  return Number(divideUp(parseQuantity(text).nano, 1_000_000n));
}

/** Whole units (bytes, pods, devices), rounded up. */
export function wholeUnits(text: string | number): number {
  return Number(divideUp(parseQuantity(text).nano, NANO));
}

export function formatMilliCpu(milli: number): string {
  return formatQuantity({ nano: BigInt(milli) * 1_000_000n, family: 'decimal' });
}

export function formatBytes(bytes: number): string {
  return formatQuantity({ nano: BigInt(bytes) * NANO, family: 'binary' });
}

/** A map of resource name to quantity, as in `resources.requests` and `status.allocatable`. */
export type ResourceList = Record<string, string>;
/** The same as integers: cpu in milli, everything else in whole units. */
export type ResourceAmounts = Record<string, number>;

export function resourceAmounts(list: Readonly<Record<string, string | number>> = {}): ResourceAmounts {
  const amounts: ResourceAmounts = {};
  for (const [name, quantity] of Object.entries(list)) {
    amounts[name] = name === 'cpu' ? milliCpu(quantity) : wholeUnits(quantity);
  }
  return amounts;
}

export function formatAmount(resource: string, amount: number): string {
  if (resource === 'cpu') return formatMilliCpu(amount);
  return resource === 'memory' || resource.endsWith('storage') ? formatBytes(amount) : String(amount);
}
