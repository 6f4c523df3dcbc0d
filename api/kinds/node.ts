/** Node (core/v1): one machine of the cluster, as its agent reports it. Kubernetes' schema, the fields Gantry uses. */
import type { Static } from 'typebox';
import Type from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { conditionOf, isConditionTrue } from '../meta/conditions.ts';
import { labelValueError, qualifiedNameError } from '../meta/names.ts';
import { defineKind } from './define-kind.ts';
import { names } from './names.ts';
import {
  closedObject,
  conditionsShape,
  count,
  flag,
  list,
  objectShape,
  oneOf,
  optional,
  quantities,
  text,
  time,
  withDefault,
} from './shapes.ts';

export { taints } from './taints.ts';

const taintShape = closedObject(
  {
    key: text('Qualified name of the taint.'),
    value: optional(Type.String()),
    effect: oneOf(
      ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
      'What it does to tasks that do not tolerate it.',
    ),
    timeAdded: optional(time('When it was set.')),
  },
  { description: 'Keeps tasks away that do not tolerate it.' },
);

const nodeSpecShape = closedObject(
  {
    unschedulable: optional(flag('Cordoned: no new tasks.')),
    taints: optional(
      list(taintShape, 'Keep tasks away that do not tolerate them.', {
        mapKeys: ['key', 'effect'],
        mergeKey: false,
      }),
    ),
    providerID: optional(Type.String()),
    podCIDR: optional(Type.String()),
    podCIDRs: optional(Type.Array(Type.String(), { 'x-kubernetes-patch-strategy': 'merge' })),
  },
  { description: 'What operators decided about the node.' },
);

const nodeInfoFields = [
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
] as const;

const nodeStatusShape = closedObject(
  {
    capacity: optional(quantities('All the node has.')),
    allocatable: optional(quantities('What tasks may have of it.')),
    phase: optional(Type.String()),
    conditions: optional(conditionsShape),
    addresses: optional(
      list(
        closedObject({ type: text('InternalIP, Hostname, …'), address: Type.String() }),
        'How to reach it.',
        { mergeKey: 'type' },
      ),
    ),
    daemonEndpoints: optional(
      closedObject({ kubeletEndpoint: optional(closedObject({ Port: count('Port of the agent.') })) }),
    ),
    nodeInfo: optional(
      closedObject(
        Object.fromEntries(nodeInfoFields.map((field) => [field, Type.String()])) as Record<
          (typeof nodeInfoFields)[number],
          Type.TString
        >,
      ),
    ),
    devices: optional(
      list(
        closedObject({
          name: text('Unique on the node.', { minLength: 1, maxLength: 63 }),
          model: optional(text('What it is; label the node with it, so that tasks can select it.')),
        }),
        'GPUs, each 1000 of gantry.dev/gpu-milli.',
        { mapKeys: ['name'], maxItems: 64 },
      ),
    ),
    volumeDirectory: optional(
      text('Where it keeps volumes that outlive tasks; absent: it has no place for them.'),
    ),
    images: optional(
      list(
        closedObject({ names: Type.Array(Type.String()), sizeBytes: optional(Type.Integer()) }),
        'Images loaded on it.',
      ),
    ),
  },
  { description: 'What the agent reports of the node.' },
);

const nodeShape = objectShape(
  names.Node,
  { spec: withDefault(nodeSpecShape, {}), status: withDefault(nodeStatusShape, {}) },
  'One machine of the cluster.',
);

export type Node = Static<typeof nodeShape>;
export type NodeStatus = Static<typeof nodeStatusShape>;
export type Taint = Static<typeof taintShape>;

export const nodeKind = defineKind<Node>({
  ...names.Node,
  description: 'One machine of the cluster.',
  schema: nodeShape,
  statusSubresource: true,
  selectableFields: {
    'spec.unschedulable': ({ spec }) =>
      spec.unschedulable === undefined ? undefined : String(spec.unschedulable),
  },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the node.',
      cell: ({ metadata }) => metadata.name,
    },
    { name: 'Status', type: 'string', description: 'Ready or not, cordoned or not.', cell: nodeStatusCell },
    { name: 'Roles', type: 'string', description: 'From its labels.', cell: rolesCell },
    {
      name: 'Age',
      type: 'date',
      description: 'Since it joined.',
      cell: ({ metadata }) => metadata.creationTimestamp,
    },
    {
      name: 'Version',
      type: 'string',
      description: 'Version of its agent.',
      cell: ({ status }) => status.nodeInfo?.kubeletVersion ?? '',
    },
    {
      name: 'CPU',
      type: 'string',
      description: 'Allocatable cores.',
      cell: ({ status }) => status.allocatable?.['cpu'] ?? '',
    },
    {
      name: 'Memory',
      type: 'string',
      description: 'Allocatable memory.',
      cell: ({ status }) => status.allocatable?.['memory'] ?? '',
    },
    {
      name: 'Internal-IP',
      type: 'string',
      priority: 1,
      description: 'Its address.',
      cell: ({ status }) => status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '<none>',
    },
    {
      name: 'OS-Image',
      type: 'string',
      priority: 1,
      description: 'Operating system.',
      cell: ({ status }) => status.nodeInfo?.osImage ?? '<unknown>',
    },
    {
      name: 'Kernel-Version',
      type: 'string',
      priority: 1,
      description: 'Kernel.',
      cell: ({ status }) => status.nodeInfo?.kernelVersion ?? '<unknown>',
    },
    {
      name: 'Container-Runtime',
      type: 'string',
      priority: 1,
      description: 'Runtime driver and version.',
      cell: ({ status }) => status.nodeInfo?.containerRuntimeVersion ?? '<unknown>',
    },
  ],
  strategy: { validate: validateNode },
});

export function isNodeReady(node: Node): boolean {
  return isConditionTrue(node.status.conditions, 'Ready');
}

function nodeStatusCell(node: Node): string {
  const ready = conditionOf(node.status.conditions, 'Ready')?.status;
  const word = ready === 'True' ? 'Ready' : ready === undefined ? 'Unknown' : 'NotReady';
  return node.spec.unschedulable ? `${word},SchedulingDisabled` : word;
}

function rolesCell({ metadata }: Node): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(metadata.labels ?? {})
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
  return roles.join(',') || '<none>';
}

function validateNode({ spec }: Node): Cause[] {
  return (spec.taints ?? []).flatMap(({ key, value = '' }, index): Cause[] => {
    const problem = qualifiedNameError(key) ?? labelValueError(value);
    return problem ? [{ field: `spec.taints[${index}].key`, message: problem }] : [];
  });
}
