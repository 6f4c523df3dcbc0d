/**
 * What a task takes of a node, from its spec. Apart from task-spec.ts, so that clients need not load its
 * schema. The scheduler decides with these numbers and the API server checks binds with them: one definition.
 */
import { type ResourceAmounts, resourceAmounts } from '../meta/quantity.ts';
import type { ContainerPort, TemplateSpec } from './task-spec.ts';

/** `TCP/8080`: how a port taken on a node is written in allocations. */
export function hostPortKey(port: ContainerPort): string {
  return `${port.protocol}/${port.hostPort ?? port.containerPort}`;
}

/** The sum over all containers (cpu in milli, everything else in whole units), and one of `pods`. */
export function taskRequests({ containers }: Pick<TemplateSpec, 'containers'>): ResourceAmounts {
  const requests: ResourceAmounts = { pods: 1 };
  for (const { resources } of containers) {
    for (const [name, amount] of Object.entries(resourceAmounts(resources.requests)))
      requests[name] = (requests[name] ?? 0) + amount;
  }
  return requests;
}

/** The node ports all its containers take. */
export function taskHostPorts({ containers }: Pick<TemplateSpec, 'containers'>): string[] {
  return containers.flatMap(({ ports }) => (ports ?? []).map(hostPortKey));
}
