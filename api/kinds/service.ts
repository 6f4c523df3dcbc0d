/**
 * Service (core/v1): one name, and one address, for the tasks its selector finds. The endpoints controller
 * keeps its EndpointSlices; the agents' DNS and address translation read those.
 *
 *   type ClusterIP     an address of the service range, allotted by the API server
 *   type NodePort      besides, a port on every node;  LoadBalancer the same, and whoever balances may say where
 *   clusterIP None     headless: the name leads to the tasks themselves
 *   type ExternalName  an alias for a name elsewhere
 */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError, dnsSubdomainError, labelValueError, qualifiedNameError } from '../meta/names.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import { isExternal, nodePortClaims, validateNodePorts } from './node-ports.ts';
import {
  closedObject,
  conditionsShape,
  count,
  flag,
  list,
  objectShape,
  oneOf,
  optional,
  stringMap,
  text,
  withDefault,
} from './shapes.ts';
import { duplicates } from './task-container.ts';

const servicePortShape = closedObject(
  {
    name: optional(text('Name of the port, a DNS label; required when there are several.')),
    protocol: withDefault(oneOf(['TCP', 'UDP'], 'Transport protocol.'), 'TCP'),
    appProtocol: optional(Type.String()),
    port: count('Port of the service.', { minimum: 1, maximum: 65535 }),
    targetPort: optional(
      Type.Unsafe<number | string>({
        anyOf: [
          { type: 'integer', minimum: 1, maximum: 65535 },
          { type: 'string', minLength: 1, maxLength: 15 },
        ],
        'x-kubernetes-int-or-string': true,
        description: 'containerPort of the tasks, or the name of one; defaults to port.',
      }),
    ),
    nodePort: optional(
      count('Port on every node (types NodePort and LoadBalancer); allotted when absent.', {
        maximum: 65535,
      }),
    ),
  },
  { description: 'A port of the service.' },
);

const serviceSpecShape = closedObject(
  {
    type: withDefault(
      oneOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'], 'How the service is reached.'),
      'ClusterIP',
    ),
    selector: optional(
      stringMap('Labels of the tasks behind it. Absent: somebody else keeps its endpoints.'),
    ),
    ports: optional(
      list(servicePortShape, 'Its ports.', {
        maxItems: 100,
        mapKeys: ['port', 'protocol'],
      }),
    ),
    clusterIP: optional(text('Its address: allotted when absent; None makes it headless.')),
    clusterIPs: optional(
      Type.Array(Type.String(), { maxItems: 1, description: 'The same as clusterIP, as a list.' }),
    ),
    ipFamilies: optional(Type.Array(oneOf(['IPv4'], 'Address family.'), { maxItems: 1 })),
    ipFamilyPolicy: optional(oneOf(['SingleStack', 'PreferDualStack'], 'Nodes have IPv4 addresses.')),
    sessionAffinity: withDefault(
      oneOf(['None', 'ClientIP'], 'ClientIP: connections of one client go to the same task.'),
      'None',
    ),
    sessionAffinityConfig: optional(
      closedObject({
        clientIP: optional(
          closedObject({
            timeoutSeconds: optional(count('How long that lasts.', { minimum: 1, maximum: 86400 })),
          }),
        ),
      }),
    ),
    internalTrafficPolicy: optional(oneOf(['Cluster', 'Local'], 'Local: only tasks on the same node.')),
    externalTrafficPolicy: optional(
      oneOf(
        ['Cluster', 'Local'],
        "Local: a node's port leads to its own tasks only, which see the client's address.",
      ),
    ),
    allocateLoadBalancerNodePorts: optional(
      flag('Whether a LoadBalancer has ports on nodes. Default: true.'),
    ),
    loadBalancerIP: optional(text('The address a LoadBalancer would like.')),
    loadBalancerClass: optional(text('Who is to balance.')),
    publishNotReadyAddresses: optional(flag('The name also leads to tasks that are not ready.')),
    externalName: optional(text('The name it is an alias of.')),
  },
  { description: 'Which tasks, under which address and ports.' },
);

const serviceStatusShape = closedObject({
  loadBalancer: optional(
    closedObject({
      ingress: optional(
        list(
          closedObject({ ip: optional(text('Address.')), hostname: optional(text('Name.')) }),
          'Where whoever balances receives connections.',
        ),
      ),
    }),
  ),
  conditions: optional(conditionsShape),
});

const serviceShape = objectShape(
  names.Service,
  { spec: serviceSpecShape, status: withDefault(serviceStatusShape, { loadBalancer: {} }) },
  'One name and address for a set of tasks.',
);

export type Service = Static<typeof serviceShape>;
export type ServicePort = Static<typeof servicePortShape>;

export const serviceKind = defineKind<Service>({
  ...names.Service,
  description: 'One name and address for a set of tasks.',
  schema: serviceShape,
  statusSubresource: true,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP,
    'spec.type': ({ spec }) => spec.type,
  },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the service.',
      cell: ({ metadata }) => metadata.name,
    },
    { name: 'Type', type: 'string', description: 'How it is reached.', cell: ({ spec }) => spec.type },
    {
      name: 'Cluster-IP',
      type: 'string',
      description: 'Its address.',
      cell: ({ spec }) => spec.clusterIP ?? '<none>',
    },
    {
      name: 'External-IP',
      type: 'string',
      description: 'Where it is reached from outside; the name it is an alias of.',
      cell: externalAddress,
    },
    {
      name: 'Port(s)',
      type: 'string',
      description: 'Its ports.',
      cell: ({ spec }) =>
        (spec.ports ?? [])
          .map(({ port, nodePort, protocol }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`)
          .join(',') || '<none>',
    },
    ageColumn,
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      description: 'Labels of its tasks.',
      cell: ({ spec }) =>
        Object.entries(spec.selector ?? {})
          .map((label) => label.join('='))
          .join(',') || '<none>',
    },
  ],
  strategy: {
    nameError: (name) => dnsLabelError(name),
    applyDefaults: defaultService,
    validate: validateService,
    claims: ({ spec }) => [
      ...(hasAddress(spec) ? [{ key: `addresses/${spec.clusterIP}`, field: 'spec.clusterIPs' }] : []),
      ...nodePortClaims(spec),
    ],
  },
});

/** Whether it has, and not only wants, an address of the service range. */
function hasAddress({ type, clusterIP }: Pick<Service['spec'], 'type' | 'clusterIP'>): boolean {
  return type !== 'ExternalName' && clusterIP !== undefined && clusterIP !== 'None' && clusterIP !== '';
}

function externalAddress({ spec, status }: Service): string {
  if (spec.type !== 'LoadBalancer') return spec.externalName ?? '<none>';
  const ingress = status.loadBalancer?.ingress ?? [];
  return ingress.map(({ ip, hostname }) => ip ?? hostname).join(',') || '<pending>';
}

function defaultService({ spec }: Service): void {
  for (const port of spec.ports ?? []) port.targetPort ??= port.port;
  if (spec.clusterIP === '') delete spec.clusterIP;
  if (spec.type === 'ExternalName') return;
  spec.clusterIP ??= spec.clusterIPs?.[0];
  if (spec.clusterIP === undefined) delete spec.clusterIP;
  else spec.clusterIPs ??= [spec.clusterIP];
  spec.ipFamilies ??= ['IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
  spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.sessionAffinity === 'ClientIP')
    spec.sessionAffinityConfig ??= { clientIP: { timeoutSeconds: 10_800 } };
}

function validateService({ spec }: Service, old?: Service): Cause[] {
  return [
    ...validatePorts(spec),
    ...validateNodePorts(spec, old?.spec),
    ...Object.entries(spec.selector ?? {}).flatMap(([key, value]): Cause[] => {
      const problem = qualifiedNameError(key) ?? labelValueError(value);
      return problem ? [{ field: `spec.selector[${key}]`, message: problem }] : [];
    }),
    ...(spec.type === 'ExternalName' ? validateAlias(spec) : validateAddress(spec, old)),
  ];
}

function validatePorts({ type, clusterIP, ports = [] }: Service['spec']): Cause[] {
  if (ports.length === 0 && type !== 'ExternalName' && clusterIP !== 'None')
    return [{ field: 'spec.ports', message: 'Required value', reason: 'FieldValueRequired' }];
  const named = ports.length > 1 ? ports.map(({ name = '' }) => name) : [];
  return [
    ...ports.flatMap(({ name, targetPort }, index): Cause[] => {
      const problems = {
        name: name === undefined ? undefined : dnsLabelError(name),
        targetPort: typeof targetPort === 'string' ? dnsLabelError(targetPort, 15) : undefined,
      };
      return Object.entries(problems).flatMap(([field, message]) =>
        message === undefined ? [] : [{ field: `spec.ports[${index}].${field}`, message }],
      );
    }),
    ...named.flatMap((name, index): Cause[] =>
      name === ''
        ? [{ field: `spec.ports[${index}].name`, message: 'Required value', reason: 'FieldValueRequired' }]
        : [],
    ),
    ...duplicates(
      named.filter((name) => name !== ''),
      'spec.ports',
      'name',
    ),
    ...duplicates(
      ports.map(({ port, protocol }) => `${protocol}/${port}`),
      'spec.ports',
      'port',
    ),
  ];
}

function validateAlias({ externalName = '', clusterIP }: Service['spec']): Cause[] {
  const problem = dnsSubdomainError(externalName.replace(/\.$/, ''));
  return [
    ...(problem ? [{ field: 'spec.externalName', message: problem }] : []),
    ...(clusterIP === undefined
      ? []
      : [
          {
            field: 'spec.clusterIP',
            message: 'must not be set for an ExternalName',
            reason: 'FieldValueForbidden' as const,
          },
        ]),
  ];
}

/** Whether the address is of the service range, the API server knows; that it stays, this does. */
function validateAddress(spec: Service['spec'], old?: Service): Cause[] {
  const { clusterIP, clusterIPs } = spec;
  const causes: Cause[] = [];
  if (clusterIP === 'None' && isExternal(spec))
    causes.push({
      field: 'spec.clusterIPs[0]',
      message: `may not be set to 'None' for ${spec.type} services`,
    });
  if (clusterIPs && clusterIPs[0] !== clusterIP)
    causes.push({ field: 'spec.clusterIPs[0]', message: 'must be the same as clusterIP' });
  const before = old?.spec.clusterIP;
  if (before !== undefined && clusterIP !== undefined && clusterIP !== before)
    causes.push({
      field: 'spec.clusterIPs[0]',
      message: `Invalid value: ${JSON.stringify([clusterIP])}: may not change once set`,
    });
  return causes;
}
