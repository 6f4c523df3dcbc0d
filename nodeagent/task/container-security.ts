/** What a container may, decided from its own words, its task's and the node's. Pure. */
import { allCapabilities, capabilityNames } from '../../api/kinds/capabilities.ts';
import type { SeccompChoice } from '../../api/kinds/security-context.ts';
import type { TaskSpec } from '../../api/kinds/task.ts';
import type { Container } from '../../api/kinds/task-spec.ts';

export interface ContainerSecurity {
  /** With the prefix CAP_. */
  capabilities: string[];
  noNewPrivileges: boolean;
  /** Everything the node has: devices, /proc and /sys as they are, no filter. */
  privileged: boolean;
  /** Parts of /proc and /sys are hidden or read-only. */
  masked: boolean;
  seccomp: SeccompChoice;
  /** Groups of the process beside its first. */
  groups: number[];
}

/** Short on purpose: no raw sockets, devices, chroot or audit records. */
export const defaultCapabilities: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'KILL',
];

export function containerSecurity(
  spec: Pick<TaskSpec, 'securityContext'>,
  { securityContext: own = {} }: Pick<Container, 'securityContext'>,
): ContainerSecurity {
  const { securityContext: common = {} } = spec;
  const privileged = own.privileged ?? false;
  const { fsGroup, supplementalGroups = [] } = common;
  return {
    capabilities: (privileged ? capabilityNames : chosenCapabilities(own.capabilities ?? {})).map(
      (name) => `CAP_${name}`,
    ),
    noNewPrivileges: !(privileged || (own.allowPrivilegeEscalation ?? addsAdmin(own.capabilities?.add))),
    privileged,
    masked: !privileged && own.procMount !== 'Unmasked',
    seccomp: privileged
      ? { type: 'Unconfined' }
      : (own.seccompProfile ?? common.seccompProfile ?? { type: 'RuntimeDefault' }),
    groups: [...new Set([...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups])],
  };
}

/** What is dropped and added is dropped from the default, then added: `drop: [ALL], add: [CHOWN]` is one. */
function chosenCapabilities({ add = [], drop = [] }: { add?: string[]; drop?: string[] }): string[] {
  const [added, dropped] = [add.map(plain), drop.map(plain)];
  const start = added.includes(allCapabilities) ? capabilityNames : defaultCapabilities;
  const kept = dropped.includes(allCapabilities) ? [] : start.filter((name) => !dropped.includes(name));
  return [...new Set([...kept, ...added.filter((name) => name !== allCapabilities)])];
}

function addsAdmin(add: readonly string[] = []): boolean {
  return add.some((name) => ['SYS_ADMIN', allCapabilities].includes(plain(name)));
}

function plain(name: string): string {
  return name.replace(/^CAP_/, '');
}
