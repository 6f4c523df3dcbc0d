/** Who asks: the identity every request carries from authentication to audit, and the identities the house knows. */

export interface User {
  name: string;
  groups: readonly string[];
}

/** What a request without credentials is. It may read health and version, nothing else. */
export const anonymousUser: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

export const groupNames = {
  masters: 'system:masters',
  nodes: 'system:nodes',
  authenticated: 'system:authenticated',
} as const;

export const componentNames = {
  controllers: 'system:gantry-controllers',
  scheduler: 'system:gantry-scheduler',
  apiServer: 'system:gantry-apiserver',
} as const;

const nodePrefix = 'system:node:';

/** The node whose agent this is; undefined for everybody else. Both the name and the group must say so. */
export function nodeNameOf(user: User): string | undefined {
  if (!user.groups.includes(groupNames.nodes) || !user.name.startsWith(nodePrefix)) return undefined;
  return user.name.slice(nodePrefix.length) || undefined;
}

export function isAdmin(user: User): boolean {
  return user.groups.includes(groupNames.masters);
}
