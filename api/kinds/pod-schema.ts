/**
 * The schema of a Pod: a task's own, and beside it what Kubernetes' Pod says and a task has no word for.
 * Where a task learns to say something, its schema is the one that counts.
 */
import type { TSchema } from 'typebox';
import { names } from './names.ts';
import { objectShape, withDefault } from './shapes.ts';
import { taskSpecShape, taskStatusShape } from './task.ts';

/** JSON Schema, as far as it is put together here. */
interface Schema {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: boolean | Schema;
  required?: string[];
  [keyword: string]: unknown;
}

const text = (description: string): Schema => ({ type: 'string', description });
const flag = (description: string): Schema => ({ type: 'boolean', description });
const count = (description: string): Schema => ({ type: 'integer', minimum: 0, description });
const texts = (description: string): Schema => ({ type: 'array', items: { type: 'string' }, description });
/** Kept, or refused, as a whole. */
const open = (description: string): Schema => ({ type: 'object', additionalProperties: true, description });
const closed = (description: string, properties: Record<string, Schema>): Schema => ({
  type: 'object',
  additionalProperties: false,
  description,
  properties,
});
const listOf = (items: Schema, mapKey?: string): Schema => ({
  type: 'array',
  items,
  maxItems: 1000,
  description: items.description ?? '',
  ...(mapKey === undefined
    ? { 'x-kubernetes-list-type': 'atomic' }
    : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [mapKey] }),
});
const named = (description: string, properties: Record<string, Schema> = {}): Schema => ({
  ...closed(description, { name: text('Name.'), ...properties }),
});

const securityFields: Record<string, Schema> = {
  runAsUser: count('User id of the processes.'),
  runAsGroup: count('Group id of the processes.'),
  runAsNonRoot: flag('Refuse to run as root.'),
  seLinuxOptions: open('Labels of SELinux.'),
  seccompProfile: closed('Which system calls are let through.', {
    type: text('RuntimeDefault, Unconfined or Localhost.'),
    localhostProfile: text('A profile on the node.'),
  }),
  appArmorProfile: closed('Profile of AppArmor.', {
    type: text('RuntimeDefault, Unconfined or Localhost.'),
    localhostProfile: text('A profile on the node.'),
  }),
  windowsOptions: open('For nodes that run Windows.'),
};

const containerSecurity = closed('As whom the container runs, and what it may.', {
  ...securityFields,
  readOnlyRootFilesystem: flag('Mount the root file system read-only.'),
  privileged: flag('All rights on the node.'),
  allowPrivilegeEscalation: flag('Containers never gain privileges, whatever this says.'),
  capabilities: closed('Capabilities beside the usual ones.', {
    add: texts('Given.'),
    drop: texts('Taken.'),
  }),
  procMount: text('How /proc is shown.'),
});

const handler = closed('What is done.', {
  httpGet: closed('Asks by HTTP.', { host: text('Address to ask; default is the pod itself.') }),
  tcpSocket: closed('Opens a connection.', {
    host: text('Address to connect to; default is the pod itself.'),
  }),
});
const lifecycle = closed('What is done right after the start and before the end.', {
  postStart: handler,
  preStop: handler,
  stopSignal: text('Signal that stops the container.'),
});

const container = closed('A container.', {
  env: listOf(
    named('A variable.', {
      valueFrom: closed('Where the value is taken from.', {
        fileKeyRef: open('A key of a file.'),
      }),
    }),
  ),
  ports: listOf(closed('A port.', { hostIP: text('Address of the node to listen on.') })),
  resources: closed('How much of the node the container needs.', {
    claims: listOf(named('A claim.', { request: text('Request in the claim.') }), 'name'),
  }),
  resizePolicy: listOf(
    closed('What a change of resources needs.', {
      resourceName: text('Name of the resource.'),
      restartPolicy: text('NotRequired or RestartContainer.'),
    }),
  ),
  volumeMounts: listOf(
    closed('A mount.', {
      mountPropagation: text('None, HostToContainer or Bidirectional.'),
      subPathExpr: text('Path within the volume with variables.'),
      recursiveReadOnly: text('Disabled, IfPossible or Enabled.'),
    }),
  ),
  volumeDevices: listOf(
    named('A block device.', { devicePath: text('Path in the container.') }),
    'devicePath',
  ),
  startupProbe: handler,
  livenessProbe: handler,
  readinessProbe: handler,
  lifecycle,
  securityContext: containerSecurity,
  stdin: flag('Keep standard input open for who attaches.'),
  stdinOnce: flag('Close standard input when the first who attached leaves.'),
  tty: flag('Give the container a terminal.'),
  restartPolicy: text('When this container is started again.'),
  restartPolicyRules: listOf(open('When this container is started again.')),
});

/** Sources of volumes that nodes do not have. */
export const foreignVolumeSources = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'ephemeral',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'glusterfs',
  'image',
  'iscsi',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
];
/** The same within projected volumes. */
export const foreignProjectedSources = ['clusterTrustBundle', 'podCertificate'];
const openSources = (sources: readonly string[]): Record<string, Schema> =>
  Object.fromEntries(sources.map((source) => [source, open('A source of files.')]));
const volume = closed('A volume.', {
  ...openSources(foreignVolumeSources),
  projected: closed('Several sources in one directory.', {
    sources: listOf(closed('One of them.', openSources(foreignProjectedSources))),
  }),
});

const spec = closed('What runs, and where.', {
  containers: listOf(container),
  initContainers: listOf(container),
  volumes: listOf(volume),
  securityContext: closed('As whom the containers run.', {
    ...securityFields,
    fsGroup: count('Group that owns the volumes.'),
    fsGroupChangePolicy: text('When the group of a volume is changed.'),
    supplementalGroups: { type: 'array', items: count('A group.'), description: 'Further groups.' },
    supplementalGroupsPolicy: text('Whether groups of the image count.'),
    seLinuxChangePolicy: text('When labels of a volume are changed.'),
    sysctls: listOf(named('A kernel parameter.', { value: text('Its value.') })),
  }),
  serviceAccount: text('The same, by its old name.'),
  hostNetwork: flag('Whether the containers share the network of their node.'),
  hostPID: flag("Whether the containers see the node's processes."),
  hostIPC: flag("Whether the containers share the node's IPC."),
  hostUsers: flag("Whether the containers share the node's users."),
  hostnameOverride: text('Host name, whatever the other fields say.'),
  shareProcessNamespace: flag("Whether the containers see each other's processes."),
  setHostnameAsFQDN: flag('Whether the host name is fully qualified.'),
  activeDeadlineSeconds: count('Seconds after which it is ended.'),
  preemptionPolicy: text('Whether it displaces others.'),
  readinessGates: listOf(closed('A condition that must hold, too.', { conditionType: text('Its type.') })),
  schedulingGates: listOf(named('What must happen before it is scheduled.'), 'name'),
  runtimeClassName: text('Which runtime runs it.'),
  overhead: open('What the runtime itself needs.'),
  os: named('Operating system of the node.'),
  resources: open('Resources of the whole pod.'),
  resourceClaims: listOf(open('A claim of resources.'), 'name'),
  ephemeralContainers: listOf(container),
});

const address = closed('An address.', { ip: text('The address.') });
const containerStatuses = listOf(
  named('How one container is doing.', {
    allocatedResources: open('What is set aside.'),
    allocatedResourcesStatus: listOf(open('How a resource is doing.')),
    resources: open('What it runs with.'),
    volumeMounts: listOf(open('A mount.')),
    user: open('As whom it runs.'),
    stopSignal: text('Signal that stops it.'),
  }),
);
const status = closed('What is, as the node agent last reported it.', {
  containerStatuses,
  initContainerStatuses: containerStatuses,
  ephemeralContainerStatuses: containerStatuses,
  hostIPs: listOf(address),
  podIP: text('Address of the pod.'),
  podIPs: listOf(address, 'ip'),
  nominatedNodeName: text('Node that is being made free for it.'),
  resize: text('How a change of resources is doing.'),
  resourceClaimStatuses: listOf(open('A claim of resources.'), 'name'),
});

/** What belongs to a task alone: the place it has in its job, and the devices that are set aside for it. */
export const taskOnlyFields = [
  'job',
  'index',
  'attempt',
  'gang',
  'devices',
  'claimPaths',
  'runPolicy',
] as const;

export const podSchema: TSchema = objectShape(
  names.Pod,
  {
    spec: asShape(without(both(taskSpecShape, spec), taskOnlyFields)),
    status: withDefault(asShape(both(taskStatusShape, status)), {}),
  },
  'A task, in the form of a Pod of Kubernetes.',
);

/** The schema of tasks, for telling what they can say. */
export const taskSpecSchema: Schema = taskSpecShape as unknown as Schema;

/** `known`, and what `more` has beside it. */
function both(known: Schema | TSchema, more: Schema): Schema {
  const { properties, items, ...rest } = known as Schema;
  return {
    ...more,
    ...rest,
    ...patchedBy(rest),
    ...(properties ? { properties: allProperties(properties, more.properties ?? {}) } : {}),
    ...(items ? { items: more.items ? both(items, more.items) : items } : {}),
  };
}

/** How kubectl makes patches of lists that are merged item by item. */
function patchedBy(schema: Schema): Schema {
  const [key] = (schema['x-kubernetes-list-map-keys'] ?? []) as string[];
  if (key === undefined) return {};
  return { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': key };
}

function allProperties(known: Record<string, Schema>, more: Record<string, Schema>): Record<string, Schema> {
  const shared = Object.entries(known).map(([name, schema]): [string, Schema] => [
    name,
    more[name] ? both(schema, more[name]) : schema,
  ]);
  return { ...more, ...Object.fromEntries(shared) };
}

function without(schema: Schema, fields: readonly string[]): Schema {
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => !fields.includes(name));
  return { ...schema, properties: Object.fromEntries(properties) };
}

function asShape(schema: Schema): TSchema {
  return schema as unknown as TSchema;
}
