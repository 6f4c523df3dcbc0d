/**
 * Kinds of Kubernetes that tools ask for by themselves and of which there are never any here. Without an
 * answer, `kubectl cluster-info` would not say where the control plane is: it lists services first.
 */
import { ApiError } from '../meta/api-error.ts';
import type { Verb } from './authorize.ts';
import { notFound } from './object-lifecycle.ts';
import { type ApiResponse, jsonResponse } from './request.ts';
import type { ResourcePath } from './request-path.ts';

export const absentKinds = [
  {
    group: '',
    version: 'v1',
    kind: 'Service',
    plural: 'services',
    singular: 'service',
    namespaced: true,
    shortNames: [],
    categories: [],
    verbs: ['get', 'list'],
    subresources: [],
  },
] as const;

export type AbsentKind = (typeof absentKinds)[number];

export function absentKindOf({ group, version, resource }: ResourcePath): AbsentKind | undefined {
  return absentKinds.find(
    (absent) => absent.group === group && absent.version === version && absent.plural === resource,
  );
}

/** An empty list at `revision`. Throws ApiError NotFound or MethodNotAllowed. */
export function answerAbsent(
  absent: AbsentKind,
  verb: Verb,
  path: ResourcePath,
  revision: number,
): ApiResponse {
  if (verb === 'get') throw notFound(absent, path.name ?? '');
  if (verb !== 'list')
    throw new ApiError('MethodNotAllowed', `${absent.plural} can only be read: there are none`);
  return jsonResponse(200, {
    kind: `${absent.kind}List`,
    apiVersion: absent.version,
    metadata: { resourceVersion: String(revision) },
    items: [],
  });
}
