/** Kubernetes' CEL libraries of URLs, IP addresses and ranges. */
import { BlockList, isIP } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';

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

export function urls(environment: Environment): void {
  environment
    .registerType('Url', { ctor: Url, fields: {} })
    .registerFunction('url(string): Url', (text: string) => new Url(text))
    .registerFunction('isURL(string): bool', (text: string) => Url.isUrl(text))
    .registerFunction('Url.getScheme(): string', (url: Url) => url.part('protocol').slice(0, -1))
    .registerFunction('Url.getHost(): string', (url: Url) => url.part('host'))
    .registerFunction('Url.getHostname(): string', (url: Url) => url.part('hostname').replace(/^\[|\]$/g, ''))
    .registerFunction('Url.getPort(): string', (url: Url) => url.part('port'))
    .registerFunction('Url.getQuery(): map', ({ text }: Url) => {
      const query = Object.create(null) as Record<string, string[]>;
      for (const name of text.searchParams.keys()) query[name] = text.searchParams.getAll(name);
      return query;
    })
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

  containsRange({ address, bits }: Cidr): boolean {
    return bits >= this.bits && this.contains(address);
  }
}

export function addresses(environment: Environment): void {
  environment
    .registerType('Ip', { ctor: Ip, fields: {} })
    .registerType('Cidr', { ctor: Cidr, fields: {} })
    .registerFunction('ip(string): Ip', (text: string) => new Ip(text))
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0)
    .registerFunction('Ip.family(): int', ({ family }: Ip) => BigInt(family))
    .registerFunction('Ip.isLoopback(): bool', (ip: Ip) => isOf(loopback, ip))
    .registerFunction('Ip.isUnspecified(): bool', (ip: Ip) => isOf(unspecified, ip))
    .registerFunction('Ip.isLinkLocalMulticast(): bool', (ip: Ip) => isOf(linkLocalMulticast, ip))
    .registerFunction('Ip.isLinkLocalUnicast(): bool', (ip: Ip) => isOf(linkLocalUnicast, ip))
    .registerFunction(
      'Ip.isGlobalUnicast(): bool',
      (ip: Ip) =>
        ![unspecified, loopback, multicast, linkLocalUnicast, broadcast].some((ranges) => isOf(ranges, ip)),
    )
    .registerFunction('string(Ip): string', ({ text }: Ip) => text)
    .registerFunction('cidr(string): Cidr', (text: string) => new Cidr(text))
    .registerFunction('isCIDR(string): bool', (text: string) => isMade(() => new Cidr(text)))
    .registerFunction('Cidr.containsIP(string): bool', (cidr: Cidr, text: string) =>
      cidr.contains(new Ip(text)),
    )
    .registerFunction('Cidr.containsIP(Ip): bool', (cidr: Cidr, ip: Ip) => cidr.contains(ip))
    .registerFunction('Cidr.containsCIDR(string): bool', (cidr: Cidr, text: string) =>
      cidr.containsRange(new Cidr(text)),
    )
    .registerFunction('Cidr.containsCIDR(Cidr): bool', (cidr: Cidr, other: Cidr) => cidr.containsRange(other))
    .registerFunction('string(Cidr): string', ({ address, bits }: Cidr) => `${address.text}/${bits}`)
    .registerFunction('Cidr.ip(): Ip', ({ address }: Cidr) => address)
    .registerFunction('Cidr.prefixLength(): int', ({ bits }: Cidr) => BigInt(bits));
}

/** Ranges of Go's net/netip, of IPv4 and IPv6. */
const unspecified = ['0.0.0.0/32', '::/128'];
const loopback = ['127.0.0.0/8', '::1/128'];
const multicast = ['224.0.0.0/4', 'ff00::/8'];
const linkLocalMulticast = ['224.0.0.0/24', 'ff02::/16'];
const linkLocalUnicast = ['169.254.0.0/16', 'fe80::/10'];
const broadcast = ['255.255.255.255/32'];

function isOf(ranges: readonly string[], ip: Ip): boolean {
  return ranges.some((range) => new Cidr(range).contains(ip));
}

function isMade(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}
