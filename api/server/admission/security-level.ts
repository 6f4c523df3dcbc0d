/**
 * Kubernetes' Pod Security Standards for tasks: what each level refuses, with the field that is in the way. Pure.
 *
 * Two things are different here, and said in docs/design: tasks share the network of their node unless they ask
 * for one of their own, so no level refuses that; and what `restricted` wants written in Kubernetes (no privilege
 * escalation, a seccomp profile) is what a task gets here when it says nothing.
 */
import type { TaskSpec } from '../../kinds/task.ts';
import type { Container } from '../../kinds/task-spec.ts';
import type { Cause } from '../../meta/api-error.ts';

export const securityLevels = ['privileged', 'baseline', 'restricted'] as const;
export type SecurityLevel = (typeof securityLevels)[number];

type Spec = Pick<
  TaskSpec,
  'containers' | 'initContainers' | 'ephemeralContainers' | 'securityContext' | 'volumes'
>;

/** What baseline lets a container add. */
const harmlessCapabilities = new Set(
  (
    'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID ' +
    'SYS_CHROOT'
  ).split(' '),
);

/** `path`: where the spec stands in its object. */
export function securityViolations(level: SecurityLevel, spec: Spec, path: string): Cause[] {
  if (level === 'privileged') return [];
  const restricted = level === 'restricted';
  return [
    ...(spec.volumes ?? []).flatMap(({ hostPath }, index) =>
      hostPath ? [violation(`${path}.volumes[${index}].hostPath`, 'files of the node are not allowed')] : [],
    ),
    ...unconfined(spec.securityContext?.seccompProfile?.type, `${path}.securityContext`),
    ...containersOf(spec, path).flatMap(([container, field]) => [
      ...baselineViolations(container, `${field}.securityContext`),
      ...(restricted ? restrictedViolations(container, spec, `${field}.securityContext`) : []),
    ]),
  ];
}

function containersOf(spec: Spec, path: string): [Container, string][] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((field) =>
    (spec[field] ?? []).map((each, index): [Container, string] => [each, `${path}.${field}[${index}]`]),
  );
}

function baselineViolations({ securityContext = {} }: Container, path: string): Cause[] {
  const { privileged, capabilities, procMount, seccompProfile } = securityContext;
  const added = (capabilities?.add ?? []).filter((name) => !harmlessCapabilities.has(plain(name)));
  return [
    ...(privileged ? [violation(`${path}.privileged`, 'must not be true')] : []),
    ...(procMount === 'Unmasked' ? [violation(`${path}.procMount`, 'must be Default')] : []),
    ...(added.length > 0
      ? [violation(`${path}.capabilities.add`, `must not include ${added.join(', ')}`)]
      : []),
    ...unconfined(seccompProfile?.type, path),
  ];
}

function restrictedViolations(
  { securityContext: own = {} }: Container,
  { securityContext: common = {} }: Spec,
  path: string,
): Cause[] {
  const { allowPrivilegeEscalation, capabilities: { add = [], drop = [] } = {} } = own;
  const added = add.filter((name) => plain(name) !== 'NET_BIND_SERVICE');
  return [
    ...(allowPrivilegeEscalation ? [violation(`${path}.allowPrivilegeEscalation`, 'must be false')] : []),
    ...((own.runAsNonRoot ?? common.runAsNonRoot) === true
      ? []
      : [violation(`${path}.runAsNonRoot`, 'must be true, here or for the whole task')]),
    ...((own.runAsUser ?? common.runAsUser) === 0 ? [violation(`${path}.runAsUser`, 'must not be 0')] : []),
    ...(drop.map(plain).includes('ALL') ? [] : [violation(`${path}.capabilities.drop`, 'must include ALL')]),
    ...(added.length > 0
      ? [violation(`${path}.capabilities.add`, 'may include NET_BIND_SERVICE alone')]
      : []),
  ];
}

function unconfined(type: string | undefined, path: string): Cause[] {
  return type === 'Unconfined' ? [violation(`${path}.seccompProfile.type`, 'must not be Unconfined')] : [];
}

function violation(field: string, message: string): Cause {
  return { field, message, reason: 'FieldValueForbidden' };
}

function plain(name: string): string {
  return name.replace(/^CAP_/, '');
}
