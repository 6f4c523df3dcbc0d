/** The formats that text and numbers are checked by; any other format is a remark for people. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { isQuantity } from '../meta/quantity.ts';

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

function isTime(text: string): boolean {
  return rfc3339.test(text) && !Number.isNaN(Date.parse(text));
}

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

function isCidr(text: string): boolean {
  const [, address = '', length] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  return isIP(address) !== 0 && Number(length) <= (isIPv4(address) ? 32 : 128);
}

const between = (least: number, most: number) => ({
  type: 'number' as const,
  validate: (value: number) => value >= least && value <= most,
});

export const formats = {
  quantity: isQuantity,
  'date-time': isTime,
  date: isDate,
  duration: /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/,
  int32: between(-2147483648, 2147483647),
  ipv4: isIPv4,
  ipv6: isIPv6,
  cidr: isCidr,
  uuid: /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i,
  email: /^[^\s@]+@[^\s@]+$/,
  hostname:
    /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/,
  uri: (text: string): boolean => URL.canParse(text),
  byte: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
};

export function isKnownFormat(format: unknown): boolean {
  return typeof format === 'string' && Object.hasOwn(formats, format);
}
