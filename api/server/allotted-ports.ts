/**
 * Ports of a node for tasks that ask for any (Borg: ports are a resource): chosen in the transaction that
 * binds the task, over the node's allocation record, so no two tasks of a node ever have the same.
 *
 * The first choice follows from the job, so that its tasks have, where they can, the same port on every node:
 * they fit into one EndpointSlice then. It moves on with each attempt, away from a port that was in use.
 */
import { createHash } from 'node:crypto';
import type { Task } from '../kinds/task.ts';
import { allottedPorts, hostPortKey, wantsAnyPort } from '../kinds/task-request.ts';
import type { Allocation } from './allocation.ts';

/** The task with numbers in place of each hostPort 0; undefined when the node has none left. */
export function withAllottedPorts(task: Task, { tasks }: Allocation): Task | undefined {
  const { containers, initContainers = [] } = task.spec;
  if (![...containers, ...initContainers].some(({ ports = [] }) => ports.some(wantsAnyPort))) return task;
  const taken = new Set(Object.values(tasks).flatMap(({ ports }) => ports));
  const choices = candidates(task);
  let isShort = false;
  const anyPort = (protocol: string): number => {
    const found = choices.find((number) => !taken.has(`${protocol}/${number}`));
    isShort ||= found === undefined;
    return found ?? 0;
  };
  const allot = <C extends Task['spec']['containers'][number]>(container: C): C => ({
    ...container,
    ...(container.ports
      ? {
          ports: container.ports.map((port) => {
            if (!wantsAnyPort(port)) return port;
            const allotted = { ...port, hostPort: anyPort(port.protocol) };
            taken.add(hostPortKey(allotted));
            return allotted;
          }),
        }
      : {}),
  });
  const spec = {
    ...task.spec,
    containers: containers.map(allot),
    ...(task.spec.initContainers ? { initContainers: initContainers.map(allot) } : {}),
  };
  return isShort ? undefined : { ...task, spec };
}

/** All numbers of the range, from the task's own first choice on. */
function candidates({ metadata, spec }: Task): number[] {
  const { first, count } = allottedPorts;
  const owner = `${metadata.namespace}/${spec.job ?? metadata.name}`;
  // Attempts are far apart: whoever holds one port often holds those beside it.
  const start = createHash('sha256').update(owner).digest().readUInt32BE(0) + (spec.attempt ?? 0) * 97;
  return Array.from({ length: count }, (_, step) => first + ((start + step) % count));
}
