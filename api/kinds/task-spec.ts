/**
 * What a task runs, in Kubernetes' PodSpec field names. Shared by Task and by Job's template, where the
 * fields that place one task (nodeName, job, index, attempt) are absent.
 */
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { labelValueError, qualifiedNameError } from '../meta/names.ts';
import { gpuMilli, wholeDevice } from './devices.ts';
import { taskSecurityShape, validateTaskSecurity } from './security-context.ts';
import { closedObject, count, flag, list, oneOf, optional, stringMap, text, withDefault } from './shapes.ts';
import { type Affinity, affinityShape, type NodeSelectorTerm, validateAffinity } from './task-affinity.ts';
import {
  type Container,
  type ContainerPort,
  containerShape,
  duplicates,
  type InitContainer,
  initContainerShape,
  validateContainer,
  validateInitContainer,
} from './task-container.ts';
import { taskNameFields, validateTaskNames } from './task-names.ts';
import { hostPortKey, isNodePort, taskRequests, wantsAnyPort } from './task-request.ts';
import { validateContainerFiles, validateVolumes, volumeShape } from './task-volumes.ts';
import { type SpreadConstraint, spreadConstraintsShape, validateSpread } from './topology-spread.ts';

export {
  type Affinity,
  type Container,
  type ContainerPort,
  containerShape,
  hostPortKey,
  type InitContainer,
  type NodeSelectorTerm,
  type SpreadConstraint,
};

const tolerationShape = closedObject(
  {
    key: optional(text('Taint key; absent with operator Exists tolerates everything.')),
    operator: withDefault(oneOf(['Equal', 'Exists'], 'Exists ignores the value.'), 'Equal'),
    value: optional(text('Taint value.')),
    effect: optional(
      oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'Taint effect; absent matches all.'),
    ),
    tolerationSeconds: optional(count('How long a NoExecute taint is tolerated.')),
  },
  { description: 'A taint the task may live with.' },
);

/** The fields a Job's template may set. */
export const templateSpecFields = {
  containers: list(containerShape, "What runs; they share the task's life and network.", {
    minItems: 1,
    maxItems: 50,
    mapKeys: ['name'],
  }),
  initContainers: optional(
    list(initContainerShape, 'Run before the others, one after another, each to its success.', {
      maxItems: 50,
      mapKeys: ['name'],
    }),
  ),
  securityContext: optional(taskSecurityShape),
  hostUsers: optional(
    flag(
      "Whether user ids are the node's. Default: not for containers from images, where the node can do it.",
    ),
  ),
  imagePullSecrets: optional(
    list(
      closedObject({ name: text('Secret of type kubernetes.io/dockerconfigjson, in the same namespace.') }),
      'Logins for the registries the images come from.',
      { maxItems: 20, mapKeys: ['name'] },
    ),
  ),
  serviceAccountName: optional(text('ServiceAccount its programs are at the API, in the same namespace.')),
  automountServiceAccountToken: optional(
    flag('Whether its containers find a token of that account. Default: true, with a serviceAccountName.'),
  ),
  volumes: optional(list(volumeShape, 'Files containers may mount.', { maxItems: 100, mapKeys: ['name'] })),
  restartPolicy: optional(
    oneOf(
      ['Always', 'OnFailure', 'Never'],
      'When the agent starts an ended container again. Default: Always in a Service, Never in a Batch job.',
    ),
  ),
  terminationGracePeriodSeconds: withDefault(
    count('Seconds between the stop signal and the kill.', { maximum: 86400 }),
    30,
  ),
  nodeSelector: optional(stringMap('Labels a node must have.')),
  affinity: optional(affinityShape),
  topologySpreadConstraints: optional(spreadConstraintsShape),
  tolerations: optional(list(tolerationShape, 'Taints the task may live with.')),
  priorityClassName: optional(
    text('PriorityClass of the task: monitoring, production, batch, best-effort or one of your own.'),
  ),
  schedulerName: withDefault(text('Which scheduler places the task.'), 'default-scheduler'),
  hostNetwork: optional(
    flag(
      'Default true: the task shares the address and the ports of its node. false: it has a network and an address of its own.',
    ),
  ),
  ...taskNameFields,
};

export const templateSpecShape = closedObject(templateSpecFields, {
  description: 'What a task of the job runs.',
});

export type TemplateSpec = Static<typeof templateSpecShape>;
export type Toleration = Static<typeof tolerationShape>;

/** Fills in what depends on other fields: requests default to limits. */
export function defaultTemplateSpec(spec: TemplateSpec): void {
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    const { requests, limits } = container.resources;
    if (limits) container.resources.requests = { ...schedulable(limits), ...requests };
  }
}

/** `pids` is a limit of the kernel, not something a scheduler sets aside. */
function schedulable(limits: Record<string, string>): Record<string, string> {
  const { pids: _pids, ...rest } = limits;
  return rest;
}

/** Rules between the fields of a template; `path` is where it stands in the object. */
export function validateTemplateSpec(spec: TemplateSpec, path: string): Cause[] {
  const inits = spec.initContainers ?? [];
  return [
    ...duplicates(
      spec.containers.map(({ name }) => name),
      `${path}.containers`,
      'name',
    ),
    ...initNameClashes(spec, path),
    ...inits.flatMap((container, index) =>
      validateInitContainer(container, `${path}.initContainers[${index}]`),
    ),
    ...spec.containers.flatMap((container, index) =>
      validateContainer(container, `${path}.containers[${index}]`),
    ),
    ...validateTaskSecurity(spec.securityContext ?? {}, `${path}.securityContext`),
    ...validateFiles(spec, path),
    ...validateTaskNames(spec, path),
    ...hostPortClashes(spec, path),
    ...validateTolerations(spec, path),
    ...validateNodeSelector(spec, path),
    ...validateDevices(spec, path),
    ...validateAffinity(spec.affinity, `${path}.affinity`),
    ...validateSpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`),
  ];
}

function validateFiles(spec: TemplateSpec, path: string): Cause[] {
  const { volumes = [], containers, initContainers = [] } = spec;
  const of = (list: readonly Container[], field: string): Cause[] =>
    list.flatMap((container, index) =>
      validateContainerFiles(container, volumes, `${path}.${field}[${index}]`),
    );
  return [
    ...validateVolumes(volumes, `${path}.volumes`),
    ...of(initContainers, 'initContainers'),
    ...of(containers, 'containers'),
  ];
}

/** Statuses and logs are found by a container's name: it is one's own among all. */
function initNameClashes({ containers, initContainers = [] }: TemplateSpec, path: string): Cause[] {
  const taken = new Set(containers.map(({ name }) => name));
  return initContainers.flatMap(({ name }, index): Cause[] => {
    const isTaken = taken.has(name);
    taken.add(name);
    const field = `${path}.initContainers[${index}].name`;
    return isTaken ? [{ field, message: `Duplicate value: ${JSON.stringify(name)}` }] : [];
  });
}

/** Two ports of one task on the same node port can never both be had. */
function hostPortClashes(spec: TemplateSpec, path: string): Cause[] {
  const causes: Cause[] = [];
  const taken = new Set<string>();
  for (const [c, container] of spec.containers.entries()) {
    for (const [p, port] of (container.ports ?? []).entries()) {
      if (wantsAnyPort(port) || !isNodePort(port, spec)) continue;
      const key = hostPortKey(port);
      if (taken.has(key))
        causes.push({
          field: `${path}.containers[${c}].ports[${p}]`,
          message: `port ${key} is used twice in this task`,
        });
      taken.add(key);
    }
  }
  return causes;
}

function validateTolerations(spec: TemplateSpec, path: string): Cause[] {
  return (spec.tolerations ?? []).flatMap((toleration, index): Cause[] => {
    const field = `${path}.tolerations[${index}]`;
    if (toleration.operator === 'Exists' && toleration.value)
      return [{ field: `${field}.value`, message: 'must be empty when operator is Exists' }];
    if (toleration.key === undefined && toleration.operator !== 'Exists')
      return [{ field: `${field}.operator`, message: 'must be Exists when key is absent' }];
    return [];
  });
}

/** Of several devices only whole ones. */
function validateDevices(spec: TemplateSpec, path: string): Cause[] {
  const milli = taskRequests(spec)[gpuMilli] ?? 0;
  if (milli <= wholeDevice || milli % wholeDevice === 0) return [];
  const message = `${gpuMilli} of all containers is ${milli}: more than ${wholeDevice} must be a multiple of it`;
  return [{ field: `${path}.containers`, message }];
}

function validateNodeSelector(spec: TemplateSpec, path: string): Cause[] {
  return Object.entries(spec.nodeSelector ?? {}).flatMap(([key, value]): Cause[] => {
    const problem = qualifiedNameError(key) ?? labelValueError(value);
    return problem ? [{ field: `${path}.nodeSelector[${key}]`, message: problem }] : [];
  });
}
