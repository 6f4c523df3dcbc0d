/** How the text of a flag is read. Each throws ApiError BadRequest, naming the flag. */
import { ApiError } from '../api/meta/api-error.ts';
import { parseRange } from '../api/meta/ip-address.ts';
import { dnsSubdomainError, labelValueError, qualifiedNameError } from '../api/meta/names.ts';
import { canonicalQuantity } from '../api/meta/quantity.ts';
import { type AllowedPath, parseAllowedPaths } from './volumes/host-path.ts';

/** `name`: of the flag, without the `--`. */
export type Reader<T> = (given: string, name: string) => T;

export function text(given: string): string {
  return given;
}

/** a,b,c */
export function list(given: string): string[] {
  return given.split(',').filter(Boolean);
}

export function wholeNumber(given: string, name: string): number {
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw wrong(name, `must be a whole number, not ${JSON.stringify(given)}`);
}

export function percent(given: string, name: string): number {
  const value = wholeNumber(given, name);
  if (value <= 100) return value;
  throw wrong(name, `must be from 0 to 100, not ${given}`);
}

export function oneOf<const T extends string>(...values: T[]): Reader<T> {
  return (given, name) => {
    const value = values.find((each) => each === given);
    if (value !== undefined) return value;
    throw wrong(name, `must be one of ${values.join(', ')}, not ${JSON.stringify(given)}`);
  };
}

export function subdomain(given: string, name: string): string {
  const problem = dnsSubdomainError(given);
  if (problem) throw wrong(name, problem);
  return given;
}

/** unix:///run/containerd/containerd.sock */
export function unixSocket(given: string, name: string): string {
  if (/^unix:\/\/\/./.test(given)) return given;
  throw wrong(name, `must be unix:///path, not ${JSON.stringify(given)}`);
}

/** 10.1.0.0/16 */
export function addressRange(given: string): string {
  parseRange(given);
  return given;
}

/** /path[:rw],… */
export function allowedPaths(given: string, name: string): AllowedPath[] {
  const paths = parseAllowedPaths(given);
  if (paths) return paths;
  throw wrong(name, `wants absolute paths, not ${JSON.stringify(given)}`);
}

/** cpu=2,memory=1Gi; amounts come back canonical. */
export function amounts(given: string, name: string): Record<string, string> {
  return Object.fromEntries(pairs(given, name).map(([key, amount]) => [key, canonicalQuantity(amount)]));
}

/** zone=a,disk=ssd */
export function labels(given: string, name: string): Record<string, string> {
  const all = pairs(given, name);
  for (const [key, value] of all) {
    const problem = qualifiedNameError(key) ?? labelValueError(value);
    if (problem) throw wrong(name, `${key}=${value}: ${problem}`);
  }
  return Object.fromEntries(all);
}

function pairs(given: string, name: string): [string, string][] {
  return list(given).map((pair) => {
    const at = pair.indexOf('=');
    if (at <= 0) throw wrong(name, `wants name=value pairs, not ${JSON.stringify(pair)}`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
}

function wrong(name: string, problem: string): ApiError {
  return new ApiError('BadRequest', `--${name}: ${problem}`);
}
