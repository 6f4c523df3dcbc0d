/**
 * Objects as CEL sees them: what the schema says decides the type (`integer` is int, `number` double,
 * `date-time` timestamp), fields the schema does not know are not there, and names CEL could not write
 * are escaped as Kubernetes escapes them (`foo-bar` is `foo__dash__bar`).
 */
import { Duration } from '@marcbachmann/cel-js/evaluator';
import type { CustomSchema } from './custom-schema.ts';

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const escapes: readonly [string, string][] = [
  ['__', '__underscores__'],
  ['.', '__dot__'],
  ['-', '__dash__'],
  ['/', '__slash__'],
];

/** The name of a property in a rule; undefined for one that rules cannot speak of. */
export function celName(property: string): string | undefined {
  if (reserved.has(property)) return `__${property}__`;
  let name = property;
  for (const [text, escaped] of escapes) name = name.replaceAll(text, escaped);
  return /^[A-Za-z_]\w*$/.test(name) ? name : undefined;
}

type CelObject = Record<string, unknown>;

/** Expects the value to satisfy the schema. */
export function celValue(schema: CustomSchema, value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map((item) => celValue(schema.items ?? {}, item));
  if (typeof value === 'object') return celObject(schema, value as Record<string, unknown>);
  if (typeof value === 'number') return celNumber(schema, value);
  return typeof value === 'string' ? celText(schema, value) : value;
}

function celObject(
  { properties, additionalProperties, ...schema }: CustomSchema,
  value: Record<string, unknown>,
): CelObject {
  const object: CelObject = Object.create(null) as CelObject;
  const untyped = !properties && schema.type === undefined;
  for (const [name, member] of Object.entries(value)) {
    const known = properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (known) {
      const escaped = celName(name);
      if (escaped !== undefined) object[escaped] = celValue(known, member);
    } else if (typeof additionalProperties === 'object')
      object[name] = celValue(additionalProperties, member);
    else if (untyped) object[name] = celValue({}, member);
  }
  return object;
}

function celNumber({ type }: CustomSchema, value: number): bigint | number {
  const whole = type === 'integer' || (type === undefined && Number.isSafeInteger(value));
  return whole ? BigInt(value) : value;
}

const goDuration = /^([+-]?)((?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+)$/;
const unitNanos: Record<string, number> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };

function celText({ format }: CustomSchema, text: string): unknown {
  if (format === 'date-time' || format === 'date') return new Date(text);
  if (format !== 'duration') return text;
  const nanos = durationNanos(text);
  return nanos === undefined ? text : new Duration(nanos / 1_000_000_000n, Number(nanos % 1_000_000_000n));
}

function durationNanos(text: string): bigint | undefined {
  const [, sign, parts = ''] = goDuration.exec(text) ?? [];
  if (parts === '') return undefined;
  let nanos = 0;
  for (const [, amount, unit = ''] of parts.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g))
    nanos += Number(amount) * (unitNanos[unit] ?? 0);
  return BigInt(Math.round(sign === '-' ? -nanos : nanos));
}
