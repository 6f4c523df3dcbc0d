/**
 * Kinds of Kubernetes of which there are never any here, but which `kubectl cluster-info dump` lists by name and
 * stops at when it cannot. They are no part of discovery: lists of them are empty, and that is all.
 */
import type { Verb } from './authorize.ts';
import { type ApiResponse, jsonResponse } from './request.ts';
import type { ResourcePath } from './request-path.ts';

const absentKinds: Readonly<Record<string, string>> = {
  'v1/replicationcontrollers': 'ReplicationController',
  'apps/v1/daemonsets': 'DaemonSet',
  'apps/v1/deployments': 'Deployment',
  'apps/v1/replicasets': 'ReplicaSet',
};

/** The empty list at `revision`; undefined for everything else. */
export function absentList(
  { group, version, resource, name }: ResourcePath,
  verb: Verb,
  revision: number,
): ApiResponse | undefined {
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const key = `${apiVersion}/${resource}`;
  if (verb !== 'list' || name !== undefined || !Object.hasOwn(absentKinds, key)) return undefined;
  return jsonResponse(200, {
    kind: `${absentKinds[key]}List`,
    apiVersion,
    metadata: { resourceVersion: String(revision) },
    items: [],
  });
}
