/** The environment: the image's, then the services of the namespace, then who and where the task is, then the task's own words, which win. */
import type { Service } from '../../api/kinds/resources.ts';
import { listeningPort } from '../../api/kinds/task-request.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import type { EnvVariable } from '../../api/kinds/task-volumes.ts';
import type { TaskRecord } from '../task/task-record.ts';
import { hasApiAccess } from '../volumes/api-access.ts';
import { referredValue, variablesFrom } from './config-variables.ts';
import { fieldValue, resourceValue } from './downward-values.ts';
import type { NodeFacts, Start, StartHook } from './hook.ts';
import { hostNameOf } from './names.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const environmentHook: StartHook = async (start) => {
  const { container, imageConfig, record, node, spec, volumes } = start;
  const variables = new Map<string, string>([['PATH', defaultPath]]);
  if (container.tty) variables.set('TERM', 'xterm');
  for (const entry of imageConfig.Env ?? []) {
    const at = entry.indexOf('=');
    if (at > 0) variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  const { enableServiceLinks = true } = record.task.spec;
  const linked = enableServiceLinks ? node.linkedServices?.(record.task.metadata.namespace ?? '') : [];
  for (const [name, value] of Object.entries(serviceVariables(linked ?? []))) variables.set(name, value);
  for (const [name, value] of Object.entries(ownVariables(record, container, node)))
    variables.set(name, value);
  if (hasApiAccess(node, record.task.spec))
    for (const [name, value] of Object.entries(node.apiAccess?.variables ?? {})) variables.set(name, value);
  try {
    for (const [name, value] of await variablesFrom(container, volumes)) variables.set(name, value);
    for (const variable of container.env ?? []) {
      const isReference = variable.valueFrom?.configMapKeyRef ?? variable.valueFrom?.secretKeyRef;
      const value = isReference ? await referredValue(variable, volumes) : textOf(variable, start);
      if (value !== undefined) variables.set(variable.name, value);
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { reason: 'CreateContainerConfigError', message };
  }
  spec.env = [...variables].map(([name, value]) => `${name}=${value}`);
  return undefined;
};

function textOf({ value, valueFrom }: EnvVariable, { record, node, container }: Start): string {
  const { fieldRef, resourceFieldRef } = valueFrom ?? {};
  if (fieldRef) return fieldValue(fieldRef, record, node);
  if (!resourceFieldRef) return value;
  return resourceValue(resourceFieldRef, record, { node, ownContainer: container.name });
}

export function ownVariables(
  { task }: Pick<TaskRecord, 'task'>,
  { ports = [] }: Pick<Container, 'ports'>,
  node: Pick<NodeFacts, 'name' | 'address'>,
): Record<string, string> {
  const { metadata, spec } = task;
  const first = ports[0];
  return {
    HOSTNAME: hostNameOf(task),
    GANTRY_TASK_NAME: metadata.name,
    GANTRY_TASK_NAMESPACE: metadata.namespace ?? '',
    GANTRY_TASK_UID: metadata.uid ?? '',
    GANTRY_TASK_INDEX: `${spec.index ?? 0}`,
    GANTRY_TASK_ATTEMPT: `${spec.attempt ?? 0}`,
    GANTRY_NODE_NAME: node.name,
    GANTRY_NODE_ADDRESS: node.address,
    ...(spec.job === undefined ? {} : { GANTRY_JOB_NAME: spec.job }),
    ...(first ? { PORT: `${listeningPort(first, spec)}` } : {}),
    ...Object.fromEntries(
      ports.flatMap((port) =>
        port.name === undefined ? [] : [[`PORT_${variableName(port.name)}`, `${listeningPort(port, spec)}`]],
      ),
    ),
  };
}

/** `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, `WEB_SERVICE_PORT_<NAME>`, as in Kubernetes. */
export function serviceVariables(services: readonly Service[]): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { metadata, spec } of services) {
    const { clusterIP = 'None', ports: [first, ...others] = [] } = spec;
    if (clusterIP === 'None' || !first) continue;
    const prefix = `${variableName(metadata.name)}_SERVICE`;
    variables[`${prefix}_HOST`] = clusterIP;
    variables[`${prefix}_PORT`] = `${first.port}`;
    for (const { name, port } of [first, ...others])
      if (name !== undefined) variables[`${prefix}_PORT_${variableName(name)}`] = `${port}`;
  }
  return variables;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
