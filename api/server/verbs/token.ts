/** POST serviceaccounts/<name>/token: a TokenRequest, answered with a token and its end. Nothing is stored. */
import { apiVersionOf, names } from '../../kinds/names.ts';
import type { Task } from '../../kinds/task.ts';
import { isTerminal } from '../../kinds/task-phase.ts';
import { ApiError, type Cause } from '../../meta/api-error.ts';
import { timestamp } from '../../meta/object-meta.ts';
import type { Call } from '../call.ts';
import { isJsonObject, type JsonObject } from '../json-schema.ts';
import { conflict, notFound } from '../object-lifecycle.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { type Account, type BoundTask, tokenAudience } from '../service-account-tokens.ts';
import { isAdmin, nodeNameOf } from '../user.ts';
import { jsonBody } from './body.ts';
import { forbiddenToNode, keyOfCall } from './target.ts';

const defaultSeconds = 3600;
const leastSeconds = 600;
const mostSeconds = 365 * 24 * 3600;
const maxAudiences = 10;

/** Throws ApiError NotFound, BadRequest or Invalid. */
export async function createToken(call: Call): Promise<ApiResponse> {
  const body = jsonBody(call);
  const spec = isJsonObject(body) && isJsonObject(body['spec']) ? body['spec'] : {};
  const { seconds, audiences, bound } = readSpec(spec);
  await call.backend.cache.waitUntilCurrent();
  const account = accountOf(call);
  const task = bound && boundTask(call, account, bound);
  refuseToNode(call, task);
  const { token, expiresMs } = call.backend.tokens.issue(account, {
    ...{ seconds, audiences },
    ...(bound ? { task: bound } : {}),
  });
  return jsonResponse(201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: account.name,
      namespace: account.namespace,
      creationTimestamp: timestamp(call.backend.clock.now()),
    },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: spec['boundObjectRef'] ?? null },
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

/** Throws ApiError NotFound or Conflict. */
function boundTask({ backend }: Call, { namespace, name }: Account, bound: BoundTask): Task {
  const found = backend.cache.kind(names.Task).get(`${namespace}/${bound.name}`);
  const task = found && (found.parse() as unknown as Task);
  if (!task || task.metadata.uid !== bound.uid) throw notFound(names.Task, bound.name);
  if (task.spec.serviceAccountName === name && !isTerminal(task.status.phase)) return task;
  throw conflict(names.Task, bound.name, `it is over, or does not run as service account ${name}`);
}

/** A node acts for the tasks that are bound to it, and for nobody else. */
function refuseToNode(call: Call, task: Task | undefined): void {
  const node = nodeNameOf(call.user);
  if (node === undefined || isAdmin(call.user) || task?.spec.nodeName === node) return;
  throw forbiddenToNode(call, 'a node may only ask for tokens that are bound to its tasks');
}

interface TokenSpec {
  seconds: number;
  audiences: string[];
  /** The token ends with this task. */
  bound?: BoundTask;
}

function readSpec(spec: JsonObject): TokenSpec {
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
  const bound = boundRef(boundObjectRef);
  if (bound === 'unknown') refuse('boundObjectRef', 'must be a Pod of v1, by name and uid');
  if (causes.length > 0) throw invalid(causes);
  const named = audiences as string[];
  return {
    seconds: seconds as number,
    audiences: named.length === 0 ? [tokenAudience] : named,
    ...(bound === undefined || bound === 'unknown' ? {} : { bound }),
  };
}

function boundRef(value: unknown): BoundTask | 'unknown' | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) return 'unknown';
  const { kind, apiVersion, name, uid } = value;
  const isPod = kind === names.Pod.kind && apiVersion === apiVersionOf(names.Pod);
  return isPod && typeof name === 'string' && typeof uid === 'string' ? { name, uid } : 'unknown';
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
