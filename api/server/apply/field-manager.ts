/** Who makes a change, and with which options: from the query, else from the User-Agent. */
import { apiVersionOf } from '../../kinds/names.ts';
import { ApiError } from '../../meta/api-error.ts';
import type { Verb } from '../authorize.ts';
import type { Call } from '../call.ts';
import { flagOf } from '../parameters.ts';
import type { Manager } from './managed-fields.ts';

const maxLength = 128;

/** The manager of an ordinary write. Throws ApiError Invalid. */
export function updateManager(call: Call): Manager {
  const name = givenManager(call) || managerOfUserAgent(call.request.headers['user-agent'] ?? '');
  return managerOf(call, name, 'Update');
}

/** The manager of an apply, which must be named. Throws ApiError Invalid. */
export function applyManager(call: Call): Manager {
  const name = givenManager(call);
  if (name === '') throw badOption('patch', 'fieldManager', 'Required value: is required for apply patch');
  return managerOf(call, name, 'Apply');
}

/** Throws ApiError Invalid where `force` is asked of something that cannot conflict. */
export function refuseForce(query: URLSearchParams): void {
  if (query.has('force'))
    throw badOption('patch', 'force', 'Forbidden: may not be specified for non-apply patch');
}

export function isForced(query: URLSearchParams): boolean {
  return flagOf(query, 'force');
}

function managerOf({ served, path }: Call, manager: string, operation: Manager['operation']): Manager {
  const { subresource } = path;
  return {
    manager,
    operation,
    apiVersion: apiVersionOf(served.kind),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function givenManager({ query, verb }: Call): string {
  const name = query.get('fieldManager') ?? '';
  if (name.length > maxLength)
    throw badOption(verb, 'fieldManager', `Too long: may not be longer than ${maxLength}`);
  if (!isPrintable(name))
    throw badOption(verb, 'fieldManager', 'Invalid value: should only contain printable characters');
  return name;
}

/** `kubectl/v1.33.0 (linux/amd64) …` is kubectl. */
function managerOfUserAgent(userAgent: string): string {
  const [name = ''] = userAgent.split('/', 1);
  const printable = [...name].filter(isPrintable).join('');
  return printable.slice(0, maxLength) || 'unknown';
}

function isPrintable(text: string): boolean {
  return !/[\p{C}\p{Zl}\p{Zp}]/u.test(text);
}

const optionsOf: Partial<Record<Verb, string>> = { create: 'CreateOptions', update: 'UpdateOptions' };

/** In Kubernetes' words, and with its status: 422. */
function badOption(verb: Verb, field: string, problem: string): ApiError {
  const kind = optionsOf[verb] ?? 'PatchOptions';
  return new ApiError('Invalid', `${kind}.meta.k8s.io "" is invalid: ${field}: ${problem}`, {
    group: 'meta.k8s.io',
    kind,
    causes: [{ field, message: problem, reason: 'FieldValueInvalid' }],
  });
}
