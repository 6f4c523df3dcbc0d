/**
 * Where the ports of a task are reached: which address, and which number there. One definition for the
 * endpoints controller, which tells others, and the node agent, which tells the task itself.
 */
import type { Task } from './task.ts';
import { listeningPort } from './task-request.ts';
import type { TemplateSpec } from './task-spec.ts';

type Parts = Pick<TemplateSpec, 'containers' | 'initContainers' | 'hostNetwork'>;

/** Undefined until a node has taken the task on. */
export function taskAddress({ status }: Pick<Task, 'status'>): string | undefined {
  return status.addresses?.[0] ?? status.hostIP;
}

/**
 * The number behind a `targetPort`: of the container port with that number or name. A number no container
 * speaks of stands for itself; a name no container has leads nowhere.
 */
export function targetPortNumber(
  spec: Parts,
  { targetPort, protocol }: { targetPort: number | string; protocol: string },
): number | undefined {
  const ports = [...spec.containers, ...(spec.initContainers ?? [])].flatMap(
    (container) => container.ports ?? [],
  );
  const found = ports.find(
    (port) => port.protocol === protocol && (port.name === targetPort || port.containerPort === targetPort),
  );
  if (found) return listeningPort(found, spec);
  return typeof targetPort === 'number' ? targetPort : undefined;
}
