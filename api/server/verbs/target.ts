/** What a call is about: the key of its object, and refusals that name it. */
import { ApiError } from '../../meta/api-error.ts';
import { forbidden } from '../authorize.ts';
import type { Call } from '../call.ts';

/** `namespace/name`, or `name`: the key of the object in the path. */
export function keyOfCall({ path }: Call): string {
  return path.namespace === undefined ? (path.name ?? '') : `${path.namespace}/${path.name}`;
}

export function forbiddenToNode({ user, verb, path }: Call, reason: string): ApiError {
  return forbidden({ ...path, user, verb }, reason);
}

/** Throws ApiError NotFound for a namespaced path to a cluster-scoped kind, or the other way round. */
export function checkScope({ served: { kind }, path, verb }: Call): void {
  const acrossNamespaces = path.name === undefined && ['list', 'watch'].includes(verb);
  if (kind.namespaced ? path.namespace !== undefined || acrossNamespaces : path.namespace === undefined)
    return;
  throw new ApiError('NotFound', 'the server could not find the requested resource');
}
