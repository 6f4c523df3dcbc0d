/**
 * What is wrong with an object, in Kubernetes' words: ajv's errors become causes with field paths, and
 * causes become one Invalid error.
 */
import type { ErrorObject } from 'ajv';
import type { AnyKind } from '../kinds/define-kind.ts';
import { ApiError, type Cause } from '../meta/api-error.ts';
import { fieldPath, valueAt } from '../meta/field-path.ts';
import type { AnyObject } from '../meta/object-meta.ts';

/** Nobody reads more of them. */
export const maxCauses = 50;
const maxShownValue = 120;

/** One cause per broken field; what the branches of an `anyOf` or `oneOf` say is folded into one. */
export function causesOf(errors: readonly ErrorObject[]): Cause[] {
  const causes = new Map<string, Cause>();
  for (const error of errors) {
    if (/\/(?:anyOf|oneOf)\//.test(error.schemaPath)) continue;
    const cause = causeOf(error);
    const key = `${cause.field} ${cause.message}`;
    if (!causes.has(key)) causes.set(key, cause);
    if (causes.size >= maxCauses) break;
  }
  return [...causes.values()];
}

function causeOf(error: ErrorObject): Cause {
  const field = fieldPath(error.instancePath);
  if (error.keyword === 'required') {
    const name = String(error.params['missingProperty']).replaceAll('~', '~0').replaceAll('/', '~1');
    return {
      field: fieldPath(`${error.instancePath}/${name}`),
      message: 'Required value',
      reason: 'FieldValueRequired',
    };
  }
  if (error.keyword === 'enum') {
    const allowed = (error.params['allowedValues'] as unknown[]).map((value) => JSON.stringify(value));
    return {
      field,
      message: `Unsupported value: ${shown(error.data)}: supported values: ${allowed.join(', ')}`,
      reason: 'FieldValueNotSupported',
    };
  }
  const subject =
    error.keyword === 'maxItems'
      ? `Too many: ${(error.data as unknown[]).length}`
      : `Invalid value: ${shown(error.data)}`;
  return {
    field,
    message: `${subject}: ${ruleOf(error)}`,
    reason: 'FieldValueInvalid',
  };
}

const typeNames: Record<string, string> = {
  integer: 'an integer',
  number: 'a number',
  string: 'a string',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
};

function ruleOf({ keyword, params, parentSchema = {}, message = 'is not valid' }: ErrorObject): string {
  if (parentSchema['format'] === 'quantity') return 'must be a quantity such as 500m, 1.5, 64Mi or 2Gi';
  switch (keyword) {
    case 'type':
      return `must be ${[params['type']]
        .flat()
        .map((type) => typeNames[String(type)] ?? type)
        .join(' or ')}`;
    case 'minimum':
      return `must be greater than or equal to ${params['limit']}`;
    case 'maximum':
      return `must be less than or equal to ${params['limit']}`;
    case 'maxItems':
      return `must have at most ${params['limit']} items`;
    case 'minItems':
      return `must have at least ${params['limit']} item${params['limit'] === 1 ? '' : 's'}`;
    case 'maxLength':
      return `may not be longer than ${params['limit']} characters`;
    case 'format':
      return params['format'] === 'date-time' ? 'must be a time such as 2030-01-31T12:00:00Z' : message;
    case 'anyOf':
      return alternatives(parentSchema);
    default:
      return message;
  }
}

function alternatives(schema: Record<string, unknown>): string {
  const branches = (schema['anyOf'] ?? []) as { type?: string; pattern?: string }[];
  if (!branches.some(({ type }) => type !== undefined))
    return 'must match one of the alternatives of its schema';
  const words = branches.map(({ type = 'value', pattern }) => {
    if (pattern !== undefined)
      return pattern.includes('%') ? 'a percentage such as 25%' : `text like ${pattern}`;
    return type === 'integer' ? 'a whole number of 0 or more' : (typeNames[type] ?? type);
  });
  return `must be ${words.join(' or ')}`;
}

/** Objects and lists may be huge, and say nothing that their path does not. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text =
    JSON.stringify(typeof value === 'string' ? value.slice(0, maxShownValue + 1) : value) ?? 'nothing';
  return text.length <= maxShownValue ? text : `${text.slice(0, maxShownValue)}…`;
}

const completeMessage =
  /^(?:Invalid value|Required value|Unsupported value|Duplicate value|Forbidden|Too many|Too long)\b/;

/** Adds what Kubernetes puts before a rule: `Invalid value: -1: must be …`. Values of secrets are never shown. */
export function completeCause(cause: Cause, object: AnyObject): Cause {
  const reason = cause.reason ?? 'FieldValueInvalid';
  if (completeMessage.test(cause.message)) return { ...cause, reason };
  if (reason === 'FieldValueForbidden') return { ...cause, reason, message: `Forbidden: ${cause.message}` };
  if (reason === 'FieldValueRequired')
    return { ...cause, reason, message: `Required value: ${cause.message}` };
  const word = reason === 'FieldValueNotSupported' ? 'Unsupported value' : 'Invalid value';
  const value = object.kind === 'Secret' ? undefined : valueAt(object, cause.field);
  const subject = typeof value === 'object' || value === undefined ? '' : `${shown(value)}: `;
  return { ...cause, reason, message: `${word}: ${subject}${cause.message}` };
}

/** `Job.gantry.dev "web" is invalid: spec.replicas: Invalid value: -1: must be …`; several in brackets. */
export function invalidError(
  { kind, group }: Pick<AnyKind, 'kind' | 'group'>,
  name: string,
  causes: readonly Cause[],
): ApiError {
  const lines = causes.map(({ field, message }) => `${field}: ${message}`);
  const list = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  const subject = group === '' ? kind : `${kind}.${group}`;
  return new ApiError('Invalid', `${subject} ${JSON.stringify(name)} is invalid: ${list}`, {
    ...(group === '' ? {} : { group }),
    kind,
    name,
    causes: [...causes],
  });
}
