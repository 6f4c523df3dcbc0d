/** Query parameters, read once and strictly: a value that means nothing is an error, never a default. */
import { ApiError, type Cause } from '../meta/api-error.ts';
import type { Revision } from '../store/store.ts';
import { isJsonObject } from './json-schema.ts';
import type { DeleteOptions } from './object-lifecycle.ts';
import type { FieldValidation } from './object-validation.ts';

export interface WriteParameters {
  dryRun: boolean;
  fieldValidation: FieldValidation;
}

export function writeParameters(query: URLSearchParams): WriteParameters {
  return {
    dryRun: isDryRun(query.getAll('dryRun')),
    fieldValidation: oneOf(query, 'fieldValidation', ['Strict', 'Warn', 'Ignore']) ?? 'Warn',
  };
}

function isDryRun(values: unknown[]): boolean {
  const wrong = values.find((value) => value !== 'All' && value !== '');
  if (wrong !== undefined) throw badParameter('dryRun', wrong, 'must be All');
  return values.includes('All');
}

/** Options of a delete: what its body says, else from the query. */
export function deleteParameters(query: URLSearchParams, body: unknown): DeleteOptions & { dryRun: boolean } {
  const given = (body ?? {}) as Record<string, unknown>;
  const grace = given['gracePeriodSeconds'] ?? numberOf(query, 'gracePeriodSeconds');
  const policy = given['propagationPolicy'] ?? query.get('propagationPolicy') ?? orphanPolicy(query, given);
  const preconditions = preconditionsOf(given['preconditions']);
  if (grace != null && !(Number.isSafeInteger(grace) && (grace as number) >= 0))
    throw badParameter('gracePeriodSeconds', grace, 'must be a whole number of seconds');
  if (policy !== undefined && !['Background', 'Foreground', 'Orphan'].includes(policy as string))
    throw badParameter('propagationPolicy', policy, 'must be Background, Foreground or Orphan');
  return {
    ...(grace == null ? {} : { gracePeriodSeconds: grace as number }),
    ...(policy === undefined ? {} : { propagationPolicy: policy as 'Background' }),
    ...(preconditions ? { preconditions } : {}),
    dryRun: isDryRun([...query.getAll('dryRun'), ...(Array.isArray(given['dryRun']) ? given['dryRun'] : [])]),
  };
}

/** The older word for a policy, which clients still have. */
function orphanPolicy(query: URLSearchParams, given: Record<string, unknown>): string | undefined {
  const orphan = given['orphanDependents'] ?? query.get('orphanDependents') ?? undefined;
  if (orphan === undefined) return undefined;
  if (!['true', 'false'].includes(String(orphan)))
    throw badParameter('orphanDependents', orphan, 'must be true or false');
  return String(orphan) === 'true' ? 'Orphan' : 'Background';
}

function preconditionsOf(given: unknown): DeleteOptions['preconditions'] {
  if (given === undefined || given === null) return undefined;
  if (!isJsonObject(given)) throw badParameter('preconditions', given, 'must be an object');
  const { uid, resourceVersion } = given;
  for (const [name, value] of Object.entries({ uid, resourceVersion })) {
    if (value !== undefined && value !== null && typeof value !== 'string')
      throw badParameter(`preconditions.${name}`, value, 'must be a string');
  }
  return given as DeleteOptions['preconditions'];
}

export interface ReadParameters {
  /** Undefined: the latest. 0: whatever is at hand. */
  revision: Revision | undefined;
  match: 'Exact' | 'NotOlderThan' | undefined;
}

/** Throws ApiError BadRequest or Invalid for combinations that mean nothing. */
export function readParameters(query: URLSearchParams): ReadParameters {
  const revision = revisionOf(query.get('resourceVersion') ?? '');
  const match = query.get('resourceVersionMatch') || undefined;
  if (match === undefined) return { revision, match };
  if (revision === undefined)
    throw forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  if (query.get('continue'))
    throw forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden when continue is provided',
    );
  if (match !== 'Exact' && match !== 'NotOlderThan')
    throw invalidOption('resourceVersionMatch', {
      message: `Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan"`,
      reason: 'FieldValueNotSupported',
    });
  if (match === 'Exact' && revision === 0)
    throw forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  return { revision, match };
}

/** An option of a list or a watch that goes together with none of the others. */
export function forbiddenOption(field: string, why: string): ApiError {
  return invalidOption(field, { message: `Forbidden: ${why}`, reason: 'FieldValueForbidden' });
}

function invalidOption(field: string, problem: Omit<Cause, 'field'>): ApiError {
  return new ApiError('Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: ${problem.message}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    causes: [{ field, ...problem }],
  });
}

/** A resourceVersion as a client gives it back; '' is undefined. */
export function revisionOf(text: string): Revision | undefined {
  if (text === '') return undefined;
  const revision = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(revision))
    throw badParameter('resourceVersion', text, 'is not a version of this server');
  return revision;
}

export function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw badParameter(name, text, 'must be a whole number');
  return Number(text);
}

export function flagOf(query: URLSearchParams, name: string): boolean {
  const text = query.get(name);
  return text === 'true' || text === '1';
}

function oneOf<const W extends string>(
  query: URLSearchParams,
  name: string,
  words: readonly W[],
): W | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!words.includes(text as W)) throw badParameter(name, text, `must be one of ${words.join(', ')}`);
  return text as W;
}

function badParameter(name: string, value: unknown, rule: string): ApiError {
  const message = `Invalid value: ${JSON.stringify(value)}: ${rule}`;
  return new ApiError('BadRequest', `${name}: ${message}`, {
    causes: [{ field: name, message, reason: 'FieldValueInvalid' }],
  });
}
