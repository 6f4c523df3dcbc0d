/**
 * Kubernetes' CEL libraries: lists, sets, strings, regular expressions and quantities here, URLs, addresses and ranges in
 * cel-network.ts, named formats in cel-formats.ts.
 *
 * Invariant: no function takes longer than the text and lists it is given allow, and none makes a text longer than
 * `maxMadeText`.
 */
import { RE2JS } from '@bufbuild/re2';
import type { Environment } from '@marcbachmann/cel-js';
import { isQuantity, NANO, parseQuantity } from '../meta/quantity.ts';
import { namedFormats } from './cel-formats.ts';
import { addresses, urls } from './cel-network.ts';
import { formatted } from './cel-text.ts';

/** Of texts that `replace` makes, in characters. */
export const maxMadeText = 100_000;
/** Stands in for `matches`, which the library gives to the backtracking RegExp of JavaScript. */
export const linearMatch = 'matchesInLinearTime';

export function registerLibraries(environment: Environment): Environment {
  for (const register of [
    lists,
    sets,
    strings,
    regularExpressions,
    urls,
    addresses,
    quantities,
    namedFormats,
  ])
    register(environment);
  return environment;
}

type Item = bigint | number | string;
const items = (list: unknown): Item[] => list as Item[];

function lists(environment: Environment): void {
  const least = (list: unknown): Item => items(list).reduce((a, b) => (b < a ? b : a));
  const largest = (list: unknown): Item => items(list).reduce((a, b) => (b > a ? b : a));
  const sum = (list: unknown): Item =>
    items(list).reduce((a, b) => (a as number) + (b as number), typeof items(list)[0] === 'number' ? 0 : 0n);
  environment
    .registerFunction('list.isSorted(): bool', (list: unknown) =>
      items(list).every((item, at, all) => at === 0 || all[at - 1]! <= item),
    )
    .registerFunction('list.sum(): dyn', sum)
    .registerFunction('list.min(): dyn', least)
    .registerFunction('list.max(): dyn', largest)
    .registerFunction('list.indexOf(dyn): int', (list: unknown, item: unknown) =>
      BigInt(items(list).indexOf(item as Item)),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: unknown, item: unknown) =>
      BigInt(items(list).lastIndexOf(item as Item)),
    );
}

/** cel-go's `sets`: lists, of which order and repetitions do not matter. */
class Sets {}

function sets(environment: Environment): void {
  const holds = (list: unknown, wanted: unknown): boolean => {
    const keys = keysOf(list);
    return [...keysOf(wanted)].every((key) => keys.has(key));
  };
  environment
    .registerType('Sets', { ctor: Sets, fields: {} })
    .registerConstant('sets', 'Sets', new Sets())
    .registerFunction('Sets.contains(list, list): bool', (_sets: Sets, list: unknown, wanted: unknown) =>
      holds(list, wanted),
    )
    .registerFunction(
      'Sets.equivalent(list, list): bool',
      (_sets: Sets, left: unknown, right: unknown) => holds(left, right) && holds(right, left),
    )
    .registerFunction('Sets.intersects(list, list): bool', (_sets: Sets, left: unknown, right: unknown) => {
      const keys = keysOf(left);
      return [...keysOf(right)].some((key) => keys.has(key));
    });
}

/** Equal values have equal keys, 1 and 1.0 too. */
function keysOf(list: unknown): Set<string> {
  return new Set(
    items(list).map((item) =>
      JSON.stringify(item, (_name, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
    ),
  );
}

/** Those the library itself has not. */
function strings(environment: Environment): void {
  environment
    .registerFunction('string.charAt(int): string', (text: string, at: bigint) => {
      if (at < 0n || at > BigInt(text.length)) throw new Error(`index out of range: ${at}`);
      return text.charAt(Number(at));
    })
    .registerFunction('string.format(list): string', (text: string, given: unknown) =>
      formatted(text, given as unknown[], maxMadeText),
    )
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''))
    .registerFunction('string.replace(string, string): string', (text: string, old: string, by: string) =>
      replaced(text, old, { by, times: -1 }),
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, old: string, by: string, times: bigint) =>
        replaced(text, old, { by, times: Number(times) }),
    );
}

/** The first `times` of them; all when negative. */
function replaced(text: string, old: string, { by, times }: { by: string; times: number }): string {
  const parts = text.split(old);
  const count = times < 0 ? parts.length - 1 : Math.min(times, parts.length - 1);
  if (text.length + count * by.length > maxMadeText) throw new Error('the text becomes too long');
  const rest = parts.slice(count).join(old);
  return [...parts.slice(0, count), rest].join(by);
}

/** `find` and `findAll` are missing: the linear-time engine does not say where a match is. */
function regularExpressions(environment: Environment): void {
  environment.registerFunction(`string.${linearMatch}(string): bool`, (text: string, pattern: string) =>
    new RE2JS(pattern).test(text),
  );
}

class Amount {
  readonly nano: bigint;

  constructor(nano: bigint) {
    this.nano = nano;
  }
}

function quantities(environment: Environment): void {
  const compare = ({ nano: left }: Amount, { nano: right }: Amount): number =>
    Number(left > right) - Number(left < right);
  environment
    .registerType('Quantity', { ctor: Amount, fields: {} })
    .registerFunction('quantity(string): Quantity', (text: string) => new Amount(parseQuantity(text).nano))
    .registerFunction('isQuantity(string): bool', (text: string) => isQuantity(text))
    .registerFunction(
      'Quantity.isGreaterThan(Quantity): bool',
      (left: Amount, right: Amount) => compare(left, right) > 0,
    )
    .registerFunction(
      'Quantity.isLessThan(Quantity): bool',
      (left: Amount, right: Amount) => compare(left, right) < 0,
    )
    .registerFunction('Quantity.compareTo(Quantity): int', (left: Amount, right: Amount) =>
      BigInt(compare(left, right)),
    )
    .registerFunction('Quantity.sign(): int', (amount: Amount) => BigInt(compare(amount, new Amount(0n))))
    .registerFunction('Quantity.isInteger(): bool', ({ nano }: Amount) => nano % NANO === 0n)
    .registerFunction('Quantity.asInteger(): int', ({ nano }: Amount) => {
      if (nano % NANO !== 0n) throw new Error('cannot convert value to integer');
      return nano / NANO;
    })
    .registerFunction(
      'Quantity.asApproximateFloat(): double',
      ({ nano }: Amount) => Number(nano) / Number(NANO),
    )
    .registerFunction(
      'Quantity.add(Quantity): Quantity',
      (left: Amount, right: Amount) => new Amount(left.nano + right.nano),
    )
    .registerFunction(
      'Quantity.add(int): Quantity',
      ({ nano }: Amount, more: bigint) => new Amount(nano + more * NANO),
    )
    .registerFunction(
      'Quantity.sub(int): Quantity',
      ({ nano }: Amount, less: bigint) => new Amount(nano - less * NANO),
    )
    .registerFunction(
      'Quantity.sub(Quantity): Quantity',
      (left: Amount, right: Amount) => new Amount(left.nano - right.nano),
    )
    .registerOperator('Quantity == Quantity', (left: Amount, right: Amount) => left.nano === right.nano);
}
