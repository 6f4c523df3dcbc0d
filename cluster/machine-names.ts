/**
 * What a cluster takes on the machine beside its directory, by name: run directory, control group, bridge
 * and network namespaces. The names carry a digest of the directory, so clusters of one name in different
 * homes do not meet.
 *
 * Invariant: what is there under such a name before the cluster's record says so is not touched.
 */
import { existsSync } from 'node:fs';
import { ApiError } from '../api/meta/api-error.ts';
import { detectCgroups } from '../nodeagent/cgroup/cgroups.ts';
import type { ClusterHome, ClusterRecord } from './cluster-home.ts';
import { linkPath, namespacePath } from './network.ts';
import { clusterCgroup } from './parts.ts';

/** Throws Conflict when the plan would take something that is there already and was not taken by this cluster. */
export async function refuseTakenNames(
  home: ClusterHome,
  known: ClusterRecord | undefined,
  planned: ClusterRecord,
): Promise<void> {
  const own = new Set(known ? await pathsOf(home, known) : []);
  const taken = (await pathsOf(home, planned)).filter((path) => !own.has(path) && existsSync(path));
  if (taken.length === 0) return;
  throw new ApiError(
    'Conflict',
    `cluster ${home.name} needs ${taken.join(', ')}, there already and not recorded in ${home.recordFile}: ` +
      `it was perhaps left by a cluster whose directory was removed without 'gantry down'. Remove it, or choose another --name`,
  );
}

async function pathsOf(home: ClusterHome, { bridge, nodes }: ClusterRecord): Promise<string[]> {
  const cgroups = await detectCgroups();
  const namespaces = nodes.flatMap(({ networkNamespace }) => networkNamespace ?? []);
  return [
    home.runDirectory,
    ...(cgroups ? [cgroups.directory(clusterCgroup(home))] : []),
    ...(bridge ? [linkPath(bridge.device)] : []),
    ...namespaces.map(namespacePath),
  ];
}
