/**
 * What a task takes of a node, from its spec. Apart from task-spec.ts, so that clients need not load its
 * schema. The scheduler decides with these numbers and the API server checks binds with them: one definition.
 */
import { type ResourceAmounts, resourceAmounts } from '../meta/quantity.ts';
import type { ContainerPort, TemplateSpec } from './task-spec.ts';

type Parts = Pick<TemplateSpec, 'containers' | 'initContainers' | 'hostNetwork'>;
/** Which network a task is in; absent: the node's. */
export type NetworkChoice = Pick<TemplateSpec, 'hostNetwork'>;

/** Ports of a node that are allotted to tasks which ask for any (hostPort 0). */
export const allottedPorts = { first: 20_000, count: 10_000 };

/** `TCP/8080`: how a port taken on a node is written in allocations. */
export function hostPortKey({ protocol, hostPort, containerPort }: ContainerPort): string {
  return `${protocol}/${hostPort || containerPort}`;
}

/** The port a task listens on at its address: sharing the node's address, its node port. */
export function listeningPort(
  { hostPort, containerPort }: ContainerPort,
  { hostNetwork = true }: NetworkChoice,
): number {
  return (hostNetwork && hostPort) || containerPort;
}

/** Whether the port is one of the node's: with a network of its own a task takes only those it names. */
export function isNodePort({ hostPort }: ContainerPort, { hostNetwork = true }: NetworkChoice): boolean {
  return hostNetwork || hostPort !== undefined;
}

/** The number is chosen when the task is bound. */
export function wantsAnyPort({ hostPort }: ContainerPort): boolean {
  return hostPort === 0;
}

export function isAllottedPort(number: number): boolean {
  return number >= allottedPorts.first && number < allottedPorts.first + allottedPorts.count;
}

/**
 * What runs side by side, summed, or an init container beside the sidecars started before it, whichever is
 * more (KEP-753); and one of `pods`. cpu in milli, everything else in whole units.
 */
export function taskRequests({ containers, initContainers = [] }: Parts): ResourceAmounts {
  const sidecars: ResourceAmounts = {};
  const initial: ResourceAmounts = {};
  for (const { resources, restartPolicy } of initContainers) {
    const own = resourceAmounts(resources.requests);
    if (restartPolicy === 'Always') add(sidecars, own);
    for (const name of new Set([...Object.keys(own), ...Object.keys(sidecars)])) {
      const beside = restartPolicy === 'Always' ? 0 : (own[name] ?? 0);
      initial[name] = Math.max(initial[name] ?? 0, (sidecars[name] ?? 0) + beside);
    }
  }
  const requests: ResourceAmounts = { ...sidecars };
  for (const { resources } of containers) add(requests, resourceAmounts(resources.requests));
  for (const [name, amount] of Object.entries(initial))
    requests[name] = Math.max(requests[name] ?? 0, amount);
  return { ...requests, pods: 1 };
}

function add(sum: ResourceAmounts, amounts: ResourceAmounts): void {
  for (const [name, amount] of Object.entries(amounts)) sum[name] = (sum[name] ?? 0) + amount;
}

/**
 * The node ports all its containers take, as far as they are known, each once: init containers may use those
 * of the others.
 */
export function taskHostPorts({ containers, initContainers = [], hostNetwork = true }: Parts): string[] {
  const all = [...containers, ...initContainers].flatMap(({ ports }) =>
    (ports ?? []).filter((port) => isNodePort(port, { hostNetwork }) && !wantsAnyPort(port)).map(hostPortKey),
  );
  return [...new Set(all)];
}
