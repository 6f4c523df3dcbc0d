/** POST serviceaccounts/<name>/token: a TokenRequest, answered with a token and its end. Nothing is stored. */
import { names } from '../../kinds/names.ts';
import { ApiError, type Cause } from '../../meta/api-error.ts';
import { timestamp } from '../../meta/object-meta.ts';
import type { Call } from '../call.ts';
import { isJsonObject, type JsonObject } from '../json-schema.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { type Account, tokenAudience } from '../service-account-tokens.ts';
import { jsonBody } from './body.ts';
import { keyOfCall } from './target.ts';

const defaultSeconds = 3600;
const leastSeconds = 600;
const mostSeconds = 365 * 24 * 3600;
const maxAudiences = 10;

/** Throws ApiError NotFound, BadRequest or Invalid. */
export async function createToken(call: Call): Promise<ApiResponse> {
  const body = jsonBody(call);
  const spec = isJsonObject(body) && isJsonObject(body['spec']) ? body['spec'] : {};
  const { seconds, audiences } = readSpec(spec);
  await call.backend.cache.waitUntilCurrent();
  const account = accountOf(call);
  const { token, expiresMs } = call.backend.tokens.issue(account, { seconds, audiences });
  return jsonResponse(201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: account.name,
      namespace: account.namespace,
      creationTimestamp: timestamp(call.backend.clock.now()),
    },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: null },
    status: { token, expirationTimestamp: timestamp(expiresMs) },
  });
}

function accountOf(call: Call): Account {
  const { namespace = '', name = '' } = call.path;
  const live = call.backend.cache.kind(names.ServiceAccount).get(keyOfCall(call));
  if (!live)
    throw new ApiError('NotFound', `serviceaccounts "${name}" not found`, { kind: 'serviceaccounts', name });
  return { namespace, name, uid: live.parse().metadata.uid ?? '' };
}

function readSpec(spec: JsonObject): { seconds: number; audiences: string[] } {
  // Go's clients write what is not set as null.
  const seconds = spec['expirationSeconds'] ?? defaultSeconds;
  const { boundObjectRef } = spec;
  const audiences = spec['audiences'] ?? [];
  const causes: Cause[] = [];
  const refuse = (field: string, message: string): void =>
    void causes.push({ field: `spec.${field}`, message, reason: 'FieldValueInvalid' });
  if (!Number.isSafeInteger(seconds)) refuse('expirationSeconds', 'must be a whole number');
  else if (Number(seconds) < leastSeconds)
    refuse('expirationSeconds', 'may not specify a duration less than 10 minutes');
  else if (Number(seconds) > mostSeconds)
    refuse('expirationSeconds', 'may not specify a duration of more than a year');
  if (!isAudiences(audiences)) refuse('audiences', `must be a list of at most ${maxAudiences} names`);
  if (boundObjectRef !== undefined && boundObjectRef !== null)
    refuse('boundObjectRef', 'tokens bound to an object are not supported');
  if (causes.length > 0) throw invalid(causes);
  const named = audiences as string[];
  return { seconds: seconds as number, audiences: named.length === 0 ? [tokenAudience] : named };
}

function isAudiences(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= maxAudiences &&
    value.every((each) => typeof each === 'string' && /^[\x21-\x7e]{1,100}$/.test(each))
  );
}

function invalid(causes: Cause[]): ApiError {
  const problems = causes.map(({ field, message }) => `${field}: Invalid value: ${message}`).join(', ');
  return new ApiError('Invalid', `TokenRequest.authentication.k8s.io "" is invalid: ${problems}`, {
    group: 'authentication.k8s.io',
    kind: 'TokenRequest',
    causes,
  });
}
