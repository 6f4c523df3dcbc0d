/**
 * One container of a task: what runs in it, with how much, and the rules between its fields. Used for the
 * main and the init containers alike.
 */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError, environmentNameError, qualifiedNameError } from '../meta/names.ts';
import { parseQuantity } from '../meta/quantity.ts';
import { containerSecurityShape, validateContainerSecurity } from './security-context.ts';
import { closedObject, count, flag, list, oneOf, optional, quantities, text, withDefault } from './shapes.ts';
import { lifecycleField, probeFields, probeKinds, validateProbes } from './task-probes.ts';
import { envFromShape, envShape, isPlainPath, volumeMountShape } from './task-volumes.ts';

const portShape = closedObject(
  {
    name: optional(text('Name of the port, a DNS label; gives the environment variable PORT_<NAME>.')),
    containerPort: count(
      'Port the container listens on. In host networking it is also the port taken on the node.',
      { minimum: 1, maximum: 65535 },
    ),
    hostPort: optional(
      count(
        'Port taken on the node; defaults to containerPort, as tasks share the network of their node (hostNetwork: false, and it defaults to none). 0: any; the task finds it in PORT and PORT_<NAME>.',
        { maximum: 65535 },
      ),
    ),
    protocol: withDefault(oneOf(['TCP', 'UDP'], 'Transport protocol.'), 'TCP'),
  },
  { description: 'A port the container listens on.' },
);

export const resourcesShape = closedObject(
  {
    requests: optional(
      quantities(
        'What the scheduler sets aside: cpu, memory, ephemeral-storage or an extended resource such as example.com/gpu. Defaults to the limits.',
      ),
    ),
    limits: optional(
      quantities(
        'What the task may not exceed: cpu is throttled, memory ends in OOMKilled, pids refuses to fork.',
      ),
    ),
  },
  { description: 'How much of the node the container needs, and may use at most.' },
);

const containerFields = {
  name: text('Unique among the containers of the task, a DNS label.'),
  image: optional(
    text("Image to run, loaded on the node or pulled. Absent: the host's own /usr, read-only.", {
      maxLength: 512,
    }),
  ),
  imagePullPolicy: optional(
    oneOf(
      ['Always', 'IfNotPresent', 'Never'],
      'When to ask the registry. Default: Always for the tag latest, unless the image was loaded on the node by hand; else IfNotPresent.',
    ),
  ),
  command: optional(
    Type.Array(Type.String(), {
      maxItems: 1000,
      description: "Replaces the image's entrypoint. Not run in a shell.",
    }),
  ),
  args: optional(
    Type.Array(Type.String(), { maxItems: 1000, description: "Arguments; replaces the image's command." }),
  ),
  workingDir: optional(text("Absolute path; default is the image's, or /.")),
  env: optional(list(envShape, 'Environment variables.', { mapKeys: ['name'] })),
  envFrom: optional(
    list(envFromShape, 'Variables from every key of an object; those of env win.', { maxItems: 100 }),
  ),
  volumeMounts: optional(
    list(volumeMountShape, 'Where volumes of the task appear.', { mapKeys: ['mountPath'] }),
  ),
  ports: optional(
    list(portShape, 'Ports the container listens on.', {
      maxItems: 100,
      mapKeys: ['containerPort', 'protocol'],
    }),
  ),
  resources: withDefault(resourcesShape, {}),
  resizePolicy: optional(
    list(
      closedObject({
        resourceName: oneOf(['cpu', 'memory'], 'The resource.'),
        restartPolicy: oneOf(
          ['NotRequired', 'RestartContainer'],
          'Whether the container is started again when it changes; default NotRequired.',
        ),
      }),
      'What a change of resources needs.',
      { mapKeys: ['resourceName'] },
    ),
  ),
  securityContext: optional(containerSecurityShape),
  ...probeFields,
  lifecycle: lifecycleField,
  stdin: optional(flag('Keep standard input open for who attaches; without it, it is empty.')),
  stdinOnce: optional(flag('Standard input ends when the first who attached goes away.')),
  tty: optional(flag('Give the container a terminal.')),
  terminationMessagePath: optional(
    text(
      'File in the container whose end becomes the message of its termination; default /dev/termination-log.',
    ),
  ),
  terminationMessagePolicy: optional(
    oneOf(
      ['File', 'FallbackToLogsOnError'],
      'Whether the end of the log serves when a failed container left no message.',
    ),
  ),
};

export const containerShape = closedObject(containerFields);

export const initContainerShape = closedObject({
  ...containerFields,
  restartPolicy: optional(
    oneOf(['Always'], 'A sidecar: starts in its turn, runs beside the containers, and ends after them.'),
  ),
});

export type InitContainer = Static<typeof initContainerShape>;

export type Container = Static<typeof containerShape>;
export type ContainerPort = Static<typeof portShape>;

export function validateContainer(container: Container, path: string): Cause[] {
  return [
    ...nameAndImageCauses(container, path),
    ...commandCauses(container, path),
    ...environmentCauses(container, `${path}.env`),
    ...portCauses(container, `${path}.ports`),
    ...validateContainerSecurity(container.securityContext ?? {}, `${path}.securityContext`),
    ...validateResources(container, `${path}.resources`),
    ...validateProbes(container, path),
  ];
}

function nameAndImageCauses({ name, image }: Container, path: string): Cause[] {
  const causes: Cause[] = [];
  const nameProblem = dnsLabelError(name);
  if (nameProblem) causes.push({ field: `${path}.name`, message: nameProblem });
  if (image !== undefined && !imageReference.test(image)) {
    causes.push({
      field: `${path}.image`,
      message: `${JSON.stringify(image)} is not an image reference such as busybox, registry.example/app:1.2 or app@sha256:…`,
    });
  }
  return causes;
}

function commandCauses(container: Container, path: string): Cause[] {
  const { image, command = [], args = [], workingDir, terminationMessagePath } = container;
  const causes: Cause[] = [];
  if (image === undefined && command.length === 0) {
    causes.push({
      field: `${path}.command`,
      message: 'is required when there is no image',
      reason: 'FieldValueRequired',
    });
  }
  for (const [index, word] of [...command, ...args].entries()) {
    if (word.includes('\0'))
      causes.push({ field: `${path}.command`, message: `word ${index} has a NUL character` });
  }
  if (workingDir !== undefined && !workingDir.startsWith('/'))
    causes.push({ field: `${path}.workingDir`, message: 'must be an absolute path' });
  if (terminationMessagePath !== undefined && !isPlainPath(terminationMessagePath))
    causes.push({ field: `${path}.terminationMessagePath`, message: 'must be an absolute path without ..' });
  return causes;
}

function environmentCauses({ env = [] }: Container, path: string): Cause[] {
  const names = env.map(({ name }) => name);
  return [
    ...env.flatMap(({ name, value }, index): Cause[] => {
      const problem =
        environmentNameError(name) ?? (value.includes('\0') ? 'value has a NUL character' : undefined);
      return problem ? [{ field: `${path}[${index}].name`, message: problem }] : [];
    }),
    ...duplicates(names, path, 'name'),
  ];
}

function portCauses({ ports = [] }: Container, path: string): Cause[] {
  return ports.flatMap(({ name }, index): Cause[] => {
    const problem = name === undefined ? undefined : dnsLabelError(name, 15);
    return problem ? [{ field: `${path}[${index}].name`, message: problem }] : [];
  });
}

/** [host[:port]/]path[:tag][@sha256:…]; path components lower case. Never begins with '-' or '/'. */
const imageReference =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/;

function validateResources({ resources: { requests = {}, limits = {} } }: Container, path: string): Cause[] {
  // A request that was defaulted from its limit is wrong only once.
  const ownRequests = Object.entries(requests).filter(([name, amount]) => limits[name] !== amount);
  return [
    ...amountCauses(ownRequests, 'requests', path),
    ...amountCauses(Object.entries(limits), 'limits', path),
    ...ownRequests.flatMap(([name, request]): Cause[] => {
      const limit = limits[name];
      if (limit === undefined || parseQuantity(request).nano <= parseQuantity(limit).nano) return [];
      return [
        {
          field: `${path}.requests[${name}]`,
          message: `must be less than or equal to the limit of ${limit}`,
        },
      ];
    }),
  ];
}

function amountCauses(amounts: [string, string][], part: 'requests' | 'limits', path: string): Cause[] {
  return amounts.flatMap(([name, amount]): Cause[] => {
    const { nano } = parseQuantity(amount);
    const message =
      resourceNameError(name, part) ??
      (nano < 0n ? 'must not be negative' : undefined) ??
      (name.includes('/') && nano % 1_000_000_000n !== 0n ? 'must be a whole number' : undefined);
    return message === undefined ? [] : [{ field: `${path}.${part}[${name}]`, message }];
  });
}

function resourceNameError(name: string, part: 'requests' | 'limits'): string | undefined {
  if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) return undefined;
  if (name === 'pids') return part === 'limits' ? undefined : 'pids can be limited, not requested';
  if (!name.includes('/'))
    return 'is not a resource: use cpu, memory, ephemeral-storage, pids (limits only) or an extended resource such as example.com/gpu';
  return qualifiedNameError(name);
}

/** What must end before others start cannot be probed. */
export function validateInitContainer(container: InitContainer, path: string): Cause[] {
  const probed = probeKinds.filter((kind) => container[`${kind}Probe`] !== undefined);
  return [
    ...validateContainer(container, path),
    ...(container.restartPolicy === 'Always' ? [] : probed).map((kind) => ({
      field: `${path}.${kind}Probe`,
      message: 'must not be set for an init container without restartPolicy: Always',
      reason: 'FieldValueForbidden' as const,
    })),
  ];
}

/** A cause for every value that was there before it in the list. */
export function duplicates(values: string[], path: string, field: string): Cause[] {
  const seen = new Set<string>();
  return values.flatMap((value, index): Cause[] => {
    if (seen.has(value))
      return [{ field: `${path}[${index}].${field}`, message: `Duplicate value: ${JSON.stringify(value)}` }];
    seen.add(value);
    return [];
  });
}
