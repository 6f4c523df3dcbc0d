/** Who makes a change, and with which options: from the query, else from the User-Agent. */
import { apiVersionOf } from '../../kinds/names.ts';
import { ApiError } from '../../meta/api-error.ts';
import type { Call } from '../call.ts';
import { flagOf } from '../parameters.ts';
import type { Manager } from './managed-fields.ts';

const maxLength = 128;

/** The manager of an ordinary write. Throws ApiError BadRequest. */
export function updateManager(call: Call): Manager {
  const name = givenManager(call) || managerOfUserAgent(call.request.headers['user-agent'] ?? '');
  return managerOf(call, name, 'Update');
}

/** The manager of an apply, which must be named. Throws ApiError BadRequest. */
export function applyManager(call: Call): Manager {
  const name = givenManager(call);
  if (name === '') throw badOption('fieldManager: Required value: is required for apply patch');
  return managerOf(call, name, 'Apply');
}

/** Throws ApiError BadRequest where `force` is asked of something that cannot conflict. */
export function refuseForce(query: URLSearchParams): void {
  if (query.has('force')) throw badOption('force: Forbidden: may not be specified for non-apply patch');
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

function givenManager({ query }: Call): string {
  const name = query.get('fieldManager') ?? '';
  if (name.length > maxLength) throw badOption(`fieldManager: Too long: may not be longer than ${maxLength}`);
  if (!isPrintable(name))
    throw badOption('fieldManager: Invalid value: should only contain printable characters');
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

function badOption(problem: string): ApiError {
  return new ApiError('BadRequest', `PatchOptions.meta.k8s.io "" is invalid: ${problem}`);
}
