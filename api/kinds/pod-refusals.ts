/**
 * Fields of a Pod whose meaning Gantry's nodes cannot honour: whoever writes them is told, instead of getting
 * something else than what was asked for. Fields that ask for less than everybody gets anyway are let in.
 */
import type { Cause } from '../meta/api-error.ts';
import { foreignProjectedSources, foreignVolumeSources } from './pod-schema.ts';

type Json = Record<string, unknown>;

interface Refusal {
  /** Within a spec, a container, … */
  field: string;
  because: string;
  /** Whether the value is harmless after all; absent: only `false` and the empty are. */
  unless?: (value: unknown) => boolean;
}

const oneNetwork = 'tasks share the network of their node';
const noRights = 'tasks never get more rights on their node';
const noProfiles = 'nodes have no profiles of their own';

const usualProfile = (value: unknown): boolean => (value as Json)['type'] !== 'Localhost';

const podRefusals: readonly Refusal[] = [
  { field: 'hostPID', because: noRights },
  { field: 'hostIPC', because: noRights },
  { field: 'shareProcessNamespace', because: 'containers do not see the processes of each other' },
  { field: 'setHostnameAsFQDN', because: 'host names are never fully qualified' },
  { field: 'hostnameOverride', because: 'use hostname' },
  { field: 'activeDeadlineSeconds', because: 'set it on a Job of gantry.dev/v1' },
  { field: 'readinessGates', because: 'a task is ready when its containers are' },
  { field: 'schedulingGates', because: 'tasks are scheduled as soon as there is room' },
  { field: 'runtimeClassName', because: 'every node has one runtime' },
  { field: 'overhead', because: 'every node has one runtime' },
  { field: 'resources', because: 'resources are requested by containers' },
  { field: 'resourceClaims', because: 'there are no resource claims' },
  {
    field: 'os',
    because: 'nodes run Linux',
    unless: (value) => (value as Json)['name'] === 'linux',
  },
  {
    field: 'preemptionPolicy',
    because: 'the PriorityClass says whether tasks displace others',
    unless: (value) => value === 'PreemptLowerPriority',
  },
];

const securityRefusals: readonly Refusal[] = [
  { field: 'seLinuxOptions', because: noProfiles },
  { field: 'appArmorProfile', because: noProfiles, unless: usualProfile },
  { field: 'windowsOptions', because: 'nodes run Linux' },
];
const podSecurityRefusals: readonly Refusal[] = [
  ...securityRefusals,
  { field: 'sysctls', because: noRights },
];
const containerSecurityRefusals: readonly Refusal[] = [...securityRefusals];

const handlerRefusals: readonly Refusal[] = [
  { field: 'host', because: 'a task may only have itself probed' },
];
const containerRefusals: readonly Refusal[] = [
  { field: 'volumeDevices', because: 'nodes give no block devices' },
  { field: 'restartPolicyRules', because: 'containers have one restart policy' },
];
const mainContainerRefusals: readonly Refusal[] = [
  { field: 'restartPolicy', because: 'set it for all containers' },
];
const lifecycleRefusals: readonly Refusal[] = [
  { field: 'stopSignal', because: 'containers are stopped by SIGTERM' },
];
const mountRefusals: readonly Refusal[] = [
  { field: 'subPathExpr', because: 'use subPath' },
  {
    field: 'mountPropagation',
    because: 'mounts of a container are its own',
    unless: (value) => value === 'None',
  },
  { field: 'recursiveReadOnly', because: 'use readOnly', unless: (value) => value !== 'Enabled' },
];
const portRefusals: readonly Refusal[] = [
  { field: 'hostIP', because: oneNetwork, unless: (value) => value === '0.0.0.0' || value === '::' },
];
const variableRefusals: readonly Refusal[] = [
  { field: 'fileKeyRef', because: 'use fieldRef, configMapKeyRef or secretKeyRef' },
];
const volumeRefusals: readonly Refusal[] = foreignVolumeSources.map((field) => ({
  field,
  because:
    'nodes have no such volumes: use emptyDir, persistentVolumeClaim, hostPath, configMap, secret, downwardAPI or projected',
}));

const projectedRefusals: readonly Refusal[] = foreignProjectedSources.map((field) => ({
  field,
  because: 'use configMap, secret, downwardAPI or serviceAccountToken',
}));

/** Causes with paths; empty for a spec that means here what it means in Kubernetes. */
export function refusedFields(spec: Json): Cause[] {
  return [
    ...refuse(spec, podRefusals, 'spec'),
    ...refuse(spec['securityContext'], podSecurityRefusals, 'spec.securityContext'),
    ...inList(spec['volumes'], 'spec.volumes', refusedInVolume),
    ...['containers', 'ephemeralContainers'].flatMap((field) =>
      inList(spec[field], `spec.${field}`, (container, path) =>
        refuse(container, mainContainerRefusals, path),
      ),
    ),
    ...['containers', 'initContainers', 'ephemeralContainers'].flatMap((field) =>
      inList(spec[field], `spec.${field}`, (container, path) => refusedInContainer(container, path)),
    ),
  ];
}

function refusedInVolume(volume: Json, path: string): Cause[] {
  const { sources } = (volume['projected'] ?? {}) as Json;
  return [
    ...refuse(volume, volumeRefusals, path),
    ...inList(sources, `${path}.projected.sources`, (source, at) => refuse(source, projectedRefusals, at)),
  ];
}

function refusedInContainer(container: Json, path: string): Cause[] {
  const handlers = ['startupProbe', 'livenessProbe', 'readinessProbe'];
  return [
    ...refuse(container, containerRefusals, path),
    ...refuse(container['securityContext'], containerSecurityRefusals, `${path}.securityContext`),
    ...refuse(container['lifecycle'], lifecycleRefusals, `${path}.lifecycle`),
    ...handlers.flatMap((name) => refusedInHandler(container[name], `${path}.${name}`)),
    ...inList(container['volumeMounts'], `${path}.volumeMounts`, (mount, at) =>
      refuse(mount, mountRefusals, at),
    ),
    ...inList(container['ports'], `${path}.ports`, (port, at) => refuse(port, portRefusals, at)),
    ...inList(container['env'], `${path}.env`, ({ valueFrom }, at) =>
      refuse(valueFrom, variableRefusals, `${at}.valueFrom`),
    ),
  ];
}

function refusedInHandler(handler: unknown, path: string): Cause[] {
  const actions = (handler ?? {}) as Json;
  return ['httpGet', 'tcpSocket'].flatMap((action) =>
    refuse(actions[action], handlerRefusals, `${path}.${action}`),
  );
}

function refuse(owner: unknown, refusals: readonly Refusal[], path: string): Cause[] {
  if (typeof owner !== 'object' || owner === null) return [];
  return refusals.flatMap(({ field, because, unless }): Cause[] => {
    const value = (owner as Json)[field];
    if (isEmpty(value) || (unless ? unless(value) : value === false)) return [];
    return [{ field: `${path}.${field}`, message: `Forbidden: ${because}`, reason: 'FieldValueForbidden' }];
  });
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

function inList(list: unknown, path: string, causes: (item: Json, path: string) => Cause[]): Cause[] {
  return Array.isArray(list) ? list.flatMap((item: Json, index) => causes(item, `${path}[${index}]`)) : [];
}
