/** IP addresses and ranges of them, as text and as numbers. Pure arithmetic on IPv4; IPv6 is only recognised. */
import { isIP } from 'node:net';
import { ApiError } from './api-error.ts';

export function isIpAddress(text: string, family: 4 | 6): boolean {
  return isIP(text) === family;
}

/** `10.0.0.1` as 167772161. The text must be an IPv4 address. */
export function ipv4Number(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function ipv4Text(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

/** `size` addresses from `base` on. */
export interface AddressRange {
  base: number;
  size: number;
}

/** `10.96.0.0/16`. Throws ApiError BadRequest. */
export function parseRange(cidr: string): AddressRange {
  const match = /^([\d.]{7,15})\/(\d{1,2})$/.exec(cidr);
  const [, address = '', bits = ''] = match ?? [];
  const size = 2 ** (32 - Number(bits));
  if (isIpAddress(address, 4) && Number(bits) <= 32 && ipv4Number(address) % size === 0)
    return { base: ipv4Number(address), size };
  throw new ApiError(
    'BadRequest',
    `${JSON.stringify(cidr)} is not a range of IPv4 addresses such as 10.96.0.0/16`,
  );
}

export function isInRange({ base, size }: AddressRange, address: string): boolean {
  if (!isIpAddress(address, 4)) return false;
  const number = ipv4Number(address);
  return number >= base && number < base + size;
}
