/**
 * Kubernetes' CEL libraries as far as rules in the wild use them: lists, strings, regular expressions, URLs, IP
 * addresses and ranges, quantities.
 *
 * Invariant: no function takes longer than the text and lists it is given allow, and none makes a text longer than
 * `maxMadeText`.
 */
import { BlockList, isIP } from 'node:net';
import { RE2JS } from '@bufbuild/re2';
import type { Environment } from '@marcbachmann/cel-js';
import { isQuantity, NANO, parseQuantity } from '../meta/quantity.ts';

/** Of texts that `replace` makes, in characters. */
export const maxMadeText = 100_000;
/** Stands in for `matches`, which the library gives to the backtracking RegExp of JavaScript. */
export const linearMatch = 'matchesInLinearTime';

export function registerLibraries(environment: Environment): Environment {
  for (const register of [lists, strings, regularExpressions, urls, addresses, quantities])
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

/** Those the library itself has not. */
function strings(environment: Environment): void {
  environment
    .registerFunction('string.charAt(int): string', (text: string, at: bigint) => {
      if (at < 0n || at > BigInt(text.length)) throw new Error(`index out of range: ${at}`);
      return text.charAt(Number(at));
    })
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

/** As Go's url.ParseRequestURI: absolute, or a path from the root. */
class Url {
  readonly text: URL;
  readonly isAbsolute: boolean;

  constructor(text: string) {
    this.isAbsolute = !text.startsWith('/');
    if (!Url.isUrl(text)) throw new Error(`URL parse error: ${JSON.stringify(text)}`);
    this.text = new URL(text, 'http://none');
  }

  static isUrl(text: string): boolean {
    return /^(\/|[a-z][a-z\d+.-]*:)/i.test(text) && URL.canParse(text, 'http://none');
  }

  part(name: 'protocol' | 'host' | 'hostname' | 'port'): string {
    return this.isAbsolute ? this.text[name] : '';
  }
}

function urls(environment: Environment): void {
  environment
    .registerType('Url', { ctor: Url, fields: {} })
    .registerFunction('url(string): Url', (text: string) => new Url(text))
    .registerFunction('isURL(string): bool', (text: string) => Url.isUrl(text))
    .registerFunction('Url.getScheme(): string', (url: Url) => url.part('protocol').slice(0, -1))
    .registerFunction('Url.getHost(): string', (url: Url) => url.part('host'))
    .registerFunction('Url.getHostname(): string', (url: Url) => url.part('hostname').replace(/^\[|\]$/g, ''))
    .registerFunction('Url.getPort(): string', (url: Url) => url.part('port'))
    .registerFunction('Url.getEscapedPath(): string', ({ text }: Url) => text.pathname);
}

class Ip {
  readonly text: string;
  readonly family: 4 | 6;

  constructor(text: string) {
    const family = isIP(text);
    if (family === 0) throw new Error(`IP Address ${JSON.stringify(text)} parse error`);
    this.text = text;
    this.family = family as 4 | 6;
  }
}

class Cidr {
  readonly address: Ip;
  readonly bits: number;
  readonly #range = new BlockList();

  constructor(text: string) {
    const [, address = '', bits = ''] = /^([^/]{1,45})\/(\d{1,3})$/.exec(text) ?? [];
    this.address = new Ip(address);
    this.bits = Number(bits);
    if (this.bits > (this.address.family === 4 ? 32 : 128))
      throw new Error(`CIDR ${JSON.stringify(text)} parse error`);
    this.#range.addSubnet(address, this.bits, `ipv${this.address.family}`);
  }

  contains({ text, family }: Ip): boolean {
    return family === this.address.family && this.#range.check(text, `ipv${family}`);
  }
}

function addresses(environment: Environment): void {
  environment
    .registerType('Ip', { ctor: Ip, fields: {} })
    .registerType('Cidr', { ctor: Cidr, fields: {} })
    .registerFunction('ip(string): Ip', (text: string) => new Ip(text))
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0)
    .registerFunction('Ip.family(): int', ({ family }: Ip) => BigInt(family))
    .registerFunction('Ip.isLoopback(): bool', (ip: Ip) =>
      new Cidr(ip.family === 4 ? '127.0.0.0/8' : '::1/128').contains(ip),
    )
    .registerFunction('cidr(string): Cidr', (text: string) => new Cidr(text))
    .registerFunction('isCIDR(string): bool', (text: string) => isMade(() => new Cidr(text)))
    .registerFunction('Cidr.containsIP(string): bool', (cidr: Cidr, text: string) =>
      cidr.contains(new Ip(text)),
    )
    .registerFunction('Cidr.containsIP(Ip): bool', (cidr: Cidr, ip: Ip) => cidr.contains(ip))
    .registerFunction('Cidr.ip(): Ip', ({ address }: Cidr) => address)
    .registerFunction('Cidr.prefixLength(): int', ({ bits }: Cidr) => BigInt(bits));
}

function isMade(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
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
      'Quantity.sub(Quantity): Quantity',
      (left: Amount, right: Amount) => new Amount(left.nano - right.nano),
    )
    .registerOperator('Quantity == Quantity', (left: Amount, right: Amount) => left.nano === right.nano);
}
