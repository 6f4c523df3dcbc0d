/** What a node tells of its own safety: whether containers have users of their own, and holes known in its runtime. Pure. */
import type { NewCondition } from '../api/meta/conditions.ts';

/**
 * Release lines of runc, and the first of each without CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881:
 * break-outs through masked paths, /dev/console and /proc, by an image or a mount that races.
 */
const firstFixed: readonly [major: number, minor: number, patch: number][] = [
  [1, 2, 8],
  [1, 3, 3],
];

export function securityConditions({
  runtimeVersion,
  userNamespaceProblem,
}: {
  /** `runc://1.1.5`. */
  runtimeVersion: string;
  userNamespaceProblem: string | undefined;
}): NewCondition[] {
  const hasUsers = userNamespaceProblem === undefined;
  return [
    {
      type: 'UserNamespaces',
      status: hasUsers ? 'True' : 'False',
      reason: hasUsers ? 'OwnUsers' : 'UsersOfTheNode',
      message: hasUsers
        ? 'containers from images have users of their own'
        : `root in a container is root of the node: ${userNamespaceProblem}`,
    },
    runtimeCondition(runtimeVersion, hasUsers),
  ];
}

function runtimeCondition(runtimeVersion: string, hasUsers: boolean): NewCondition {
  const type = 'RuntimeVulnerable';
  const [, major, minor, patch] = /^runc:\/\/(\d+)\.(\d+)\.(\d+)/.exec(runtimeVersion) ?? [];
  if (major === undefined)
    return { type, status: 'Unknown', reason: 'VersionUnknown', message: `runtime ${runtimeVersion}` };
  const line = [Number(major), Number(minor)] as const;
  const fixed = firstFixed.find(([a, b]) => a === line[0] && b === line[1]);
  const isNewer = line[0] > 1 || line[1] > 3;
  if (isNewer || (fixed && Number(patch) >= fixed[2]))
    return { type, status: 'False', reason: 'NoKnownHoles', message: `runtime ${runtimeVersion}` };
  const relief = hasUsers
    ? 'users of their own keep containers from images from using them'
    : 'run only images that are trusted';
  const message = `runtime ${runtimeVersion} has CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881 unless its distribution fixed them (1.2.8, 1.3.3): ${relief}`;
  return { type, status: 'True', reason: 'KnownHoles', message };
}
