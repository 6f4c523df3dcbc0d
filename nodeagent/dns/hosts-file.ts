/** /etc/hosts of a task: itself, and what it wants to call others. Pure. */
import type { HostAlias } from '../../api/kinds/task-names.ts';

export interface HostsFacts {
  address: string;
  /** The task's own, the most qualified first. */
  names: readonly string[];
  hostAliases?: readonly HostAlias[];
  /** Of the node whose network the task shares; absent when it has its own. */
  nodeHosts?: string | undefined;
}

const ownHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

export function hostsFile({ address, names, hostAliases = [], nodeHosts }: HostsFacts): string {
  const before = nodeHosts ?? ownHosts;
  const lines = [
    [address, ...names],
    ...hostAliases
      .filter(({ hostnames = [] }) => hostnames.length > 0)
      .map(({ ip, hostnames = [] }) => [ip, ...hostnames]),
  ];
  return `${before.trimEnd()}\n${lines.map((line) => `${line.join('\t')}\n`).join('')}`;
}
