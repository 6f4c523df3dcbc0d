/**
 * Probes: how the agent finds out whether a container has started, lives, and may be sent work. Kubernetes'
 * fields; `host` of an HTTP or TCP probe is missing on purpose: a task may only have itself probed.
 */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError } from '../meta/names.ts';
import { closedObject, count, list, oneOf, optional, text, withDefault } from './shapes.ts';

const portReference = Type.Unsafe<number | string>({
  anyOf: [{ type: 'integer', minimum: 1, maximum: 65535 }, { type: 'string' }],
  'x-kubernetes-int-or-string': true,
  description: 'Number or name of a port of the container.',
});

const headerShape = closedObject({ name: text('Name of the header.'), value: text('Its value.') });

/** What a probe, or a lifecycle hook, may do. */
const handlerFields = {
  exec: optional(
    closedObject(
      {
        command: Type.Array(Type.String(), {
          minItems: 1,
          maxItems: 1000,
          description: 'Command line, run in the container without a shell; exit code 0 is good.',
        }),
      },
      { description: 'Runs a command in the container.' },
    ),
  ),
  httpGet: optional(
    closedObject(
      {
        path: withDefault(text('Path to ask for.', { maxLength: 4096 }), '/'),
        port: portReference,
        scheme: withDefault(oneOf(['HTTP', 'HTTPS'], 'Certificates are not checked.'), 'HTTP'),
        httpHeaders: optional(list(headerShape, 'Headers to send.', { maxItems: 100 })),
      },
      { description: 'Asks the task by HTTP; 200 to 399 is good.' },
    ),
  ),
  tcpSocket: optional(
    closedObject({ port: portReference }, { description: 'Opens a connection to the task.' }),
  ),
};

const grpcField = {
  grpc: optional(
    closedObject(
      {
        port: count('Number of the port.', { minimum: 1, maximum: 65535 }),
        service: optional(
          text('Name of the service to ask about; empty for the server itself.', { maxLength: 1024 }),
        ),
      },
      { description: 'Asks the task by gRPC (grpc.health.v1.Health/Check); SERVING is good.' },
    ),
  ),
};

const probeShape = (description: string) =>
  closedObject(
    {
      ...handlerFields,
      ...grpcField,
      initialDelaySeconds: withDefault(count('Seconds after the start before the first probe.'), 0),
      periodSeconds: withDefault(count('Seconds between two probes.', { minimum: 1 }), 10),
      timeoutSeconds: withDefault(count('Seconds until a probe has failed.', { minimum: 1 }), 1),
      successThreshold: withDefault(count('Successes in a row that count.', { minimum: 1 }), 1),
      failureThreshold: withDefault(count('Failures in a row that count.', { minimum: 1 }), 3),
      terminationGracePeriodSeconds: optional(
        count("Seconds between stop signal and kill after a failure; default is the task's.", { minimum: 1 }),
      ),
    },
    { description },
  );

/** The fields of a container. */
export const probeFields = {
  startupProbe: optional(
    probeShape('Whether it has started. The other probes wait for it; its failure restarts the container.'),
  ),
  livenessProbe: optional(probeShape('Whether it lives. Its failure restarts the container.')),
  readinessProbe: optional(
    probeShape('Whether it may be sent work. Its failure makes the task not ready, and never restarts it.'),
  ),
};

const hookShape = (description: string) =>
  closedObject(
    {
      ...handlerFields,
      sleep: optional(
        closedObject(
          { seconds: count('How long.', { minimum: 1, maximum: 86400 }) },
          { description: 'Waits, and does nothing.' },
        ),
      ),
    },
    { description },
  );

export const lifecycleField = optional(
  closedObject(
    {
      postStart: optional(
        hookShape(
          'Done right after the start, at least once. The container is not ready before; a failure ends it.',
        ),
      ),
      preStop: optional(
        hookShape('Done before the stop signal, within the grace; not when the container ends by itself.'),
      ),
    },
    { description: 'What is done right after the start and before the end.' },
  ),
);

export type Hook = Static<ReturnType<typeof hookShape>>;
export type Probe = Static<ReturnType<typeof probeShape>>;
/** Of a probe or a hook. */
export type Handler = Hook & Pick<Probe, 'grpc'>;
export type HttpGet = NonNullable<Handler['httpGet']>;
export const probeKinds = ['startup', 'liveness', 'readiness'] as const;
export type ProbeKind = (typeof probeKinds)[number];

interface ProbedContainer {
  lifecycle?: { postStart?: Hook; preStop?: Hook };
  ports?: { name?: string }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
}

/** Probes and lifecycle hooks. */
export function validateProbes(container: ProbedContainer, path: string): Cause[] {
  const probes = probeKinds.flatMap((kind) => {
    const probe = container[`${kind}Probe`];
    return probe ? validateProbe(kind, probe, { container, path: `${path}.${kind}Probe` }) : [];
  });
  const hooks = (['postStart', 'preStop'] as const).flatMap((name) => {
    const hook = container.lifecycle?.[name];
    return hook ? validateHandler(hook, container, `${path}.lifecycle.${name}`) : [];
  });
  return [...probes, ...hooks];
}

function validateProbe(
  kind: ProbeKind,
  probe: Probe,
  { container, path }: { container: ProbedContainer; path: string },
): Cause[] {
  const causes = validateHandler(probe, container, path);
  if (kind !== 'readiness' && probe.successThreshold !== 1)
    causes.push({ field: `${path}.successThreshold`, message: 'must be 1' });
  if (kind === 'readiness' && probe.terminationGracePeriodSeconds !== undefined)
    causes.push({
      field: `${path}.terminationGracePeriodSeconds`,
      message: 'must not be set for a readiness probe, which never ends a container',
    });
  return causes;
}

/** One handler and one only; ports that exist; nothing that could end a header early. */
function validateHandler(
  handler: Handler,
  { ports = [] }: { ports?: { name?: string }[] },
  path: string,
): Cause[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const given = [exec, httpGet, tcpSocket, grpc, sleep].filter((each) => each !== undefined);
  if (given.length !== 1)
    return [
      {
        field: path,
        message: `must have exactly one handler (exec, httpGet, tcpSocket; probes also grpc, hooks sleep), has ${given.length}`,
        reason: given.length === 0 ? 'FieldValueRequired' : 'FieldValueInvalid',
      },
    ];
  const causes: Cause[] = [];
  for (const [name, port] of [
    ['httpGet', httpGet?.port],
    ['tcpSocket', tcpSocket?.port],
  ] as const) {
    if (typeof port !== 'string') continue;
    const problem = dnsLabelError(port, 15);
    if (problem) causes.push({ field: `${path}.${name}.port`, message: problem });
    else if (!ports.some((each) => each.name === port))
      causes.push({ field: `${path}.${name}.port`, message: `the container has no port named ${port}` });
  }
  if (exec?.command.some((word) => word.includes('\0')))
    causes.push({ field: `${path}.exec.command`, message: 'has a NUL character' });
  return httpGet ? [...causes, ...validateHttpGet(httpGet, `${path}.httpGet`)] : causes;
}

function validateHttpGet({ path: target, httpHeaders = [] }: HttpGet, path: string): Cause[] {
  const causes: Cause[] = [];
  if (!/^\/[\x21-\x7e]*$/.test(target))
    causes.push({
      field: `${path}.path`,
      message: 'must begin with / and have no spaces or control characters',
    });
  for (const [index, { name, value }] of httpHeaders.entries()) {
    const field = `${path}.httpHeaders[${index}]`;
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name))
      causes.push({ field: `${field}.name`, message: 'is not the name of an HTTP header' });
    if (!/^[\x20-\x7e\t]*$/.test(value))
      causes.push({ field: `${field}.value`, message: 'has a character no HTTP header may have' });
  }
  return causes;
}
