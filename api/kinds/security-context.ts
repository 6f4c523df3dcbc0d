/** As whom containers run, and what they may: `securityContext` of a task and of its containers, in Kubernetes' fields. */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { allCapabilities, capabilityNames } from './capabilities.ts';
import { closedObject, count, flag, oneOf, optional, text } from './shapes.ts';

const seccompShape = closedObject(
  {
    type: oneOf(
      ['RuntimeDefault', 'Unconfined', 'Localhost'],
      "The node's own profile (also the default), none, or a file of the node.",
    ),
    localhostProfile: optional(text("With Localhost: path below the node's profile directory.")),
  },
  { description: 'Which system calls may be made.' },
);

const userFields = {
  runAsUser: optional(
    count("User id of the process; default is the image's user, or root inside the container."),
  ),
  runAsGroup: optional(count('Group id of the process.')),
  runAsNonRoot: optional(flag('Refuse to start as user 0.')),
  seccompProfile: optional(seccompShape),
};

export const taskSecurityShape = closedObject(
  {
    ...userFields,
    fsGroup: optional(count('Group that owns the files of the volumes, and that every process is in.')),
    supplementalGroups: optional(
      Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), {
        maxItems: 64,
        description: 'More groups of every process.',
      }),
    ),
  },
  { description: 'As whom the containers run; a container may say otherwise for itself.' },
);

const capabilityList = (description: string) =>
  Type.Array(Type.String({ maxLength: 40 }), { maxItems: 64, description });

export const containerSecurityShape = closedObject(
  {
    ...userFields,
    readOnlyRootFilesystem: optional(flag('Mount the root file system read-only.')),
    allowPrivilegeEscalation: optional(
      flag('Whether set-user-id programs give rights. Default: false, unlike in Kubernetes.'),
    ),
    privileged: optional(flag('All rights of the node, its devices, and nothing hidden.')),
    capabilities: optional(
      closedObject({
        add: optional(capabilityList('Beyond the default ones; NET_ADMIN, …')),
        drop: optional(capabilityList('Of the default ones; ALL drops all.')),
      }),
    ),
    procMount: optional(oneOf(['Default', 'Unmasked'], 'Whether parts of /proc are hidden.')),
  },
  { description: 'As whom the container runs, and what it may.' },
);

export type TaskSecurity = Static<typeof taskSecurityShape>;
export type ContainerSecurityContext = Static<typeof containerSecurityShape>;
export type SeccompChoice = Static<typeof seccompShape>;

export function validateTaskSecurity({ seccompProfile }: TaskSecurity, path: string): Cause[] {
  return validateSeccomp(seccompProfile, `${path}.seccompProfile`);
}

export function validateContainerSecurity(security: ContainerSecurityContext, path: string): Cause[] {
  const { capabilities = {}, privileged, allowPrivilegeEscalation } = security;
  const causes = validateSeccomp(security.seccompProfile, `${path}.seccompProfile`);
  for (const list of ['add', 'drop'] as const)
    for (const [index, name] of (capabilities[list] ?? []).entries())
      if (name !== allCapabilities && !capabilityNames.includes(name.replace(/^CAP_/, '')))
        causes.push({
          field: `${path}.capabilities.${list}[${index}]`,
          message: `${JSON.stringify(name)} is no capability such as NET_ADMIN`,
        });
  const addsAdmin = capabilities.add?.some((name) => ['SYS_ADMIN', 'CAP_SYS_ADMIN', 'ALL'].includes(name));
  if (allowPrivilegeEscalation === false && (privileged || addsAdmin))
    causes.push({
      field: `${path}.allowPrivilegeEscalation`,
      message: 'cannot be false for a container that is privileged or has CAP_SYS_ADMIN',
    });
  return causes;
}

function validateSeccomp(profile: SeccompChoice | undefined, path: string): Cause[] {
  if (!profile) return [];
  const { type, localhostProfile } = profile;
  const field = `${path}.localhostProfile`;
  if (type !== 'Localhost')
    return localhostProfile === undefined ? [] : [{ field, message: 'can only be set with type Localhost' }];
  if (localhostProfile === undefined)
    return [{ field, message: 'is required with type Localhost', reason: 'FieldValueRequired' }];
  return /^\/|(^|\/)\.\.(\/|$)|\0/.test(localhostProfile)
    ? [{ field, message: 'must be a relative path without ..' }]
    : [];
}
