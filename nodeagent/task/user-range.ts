/** Which of the node's user ids a task's own users are. Pure. */
import { createHash } from 'node:crypto';
import type { TaskSpec } from '../../api/kinds/task.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import type { ContainerRoot } from '../runtime/runtime.ts';

const rangeSize = 65_536;
/** Below are the node's own users, and those it gives to its people's containers (/etc/subuid). */
const firstSlot = 16;
const slots = 65_536 - firstSlot - 1;

/** A base that no other task of the node has; the same for the same task. */
export function freeUserBase(uid: string, taken: ReadonlySet<number>): number {
  const start = createHash('sha256').update(uid).digest().readUInt32BE(0);
  for (let tries = 0; tries < slots; tries++) {
    const base = (firstSlot + ((start + tries) % slots)) * rangeSize;
    if (!taken.has(base)) return base;
  }
  throw new Error('every range of user ids is taken');
}

/**
 * Whether a container gets users of its own where the node can give them. What shares the node's files, devices
 * or low ports keeps the node's: root of a user namespace has no rights over the network of the node. A network
 * of the task's own was made by the node as well, and an exec could not enter it from within a user namespace.
 */
export function wantsOwnUsers(
  { hostUsers, hostNetwork = true, containers }: Pick<TaskSpec, 'hostUsers' | 'hostNetwork' | 'containers'>,
  { securityContext = {} }: Pick<Container, 'securityContext'>,
  { root, user }: { root: ContainerRoot; user: { uid: number; gid: number } },
): boolean {
  if (root.from !== 'image' || securityContext.privileged || !hostNetwork) return false;
  if (hostUsers !== undefined) return !hostUsers;
  const ports = containers.flatMap((container) => container.ports ?? []);
  const isPrivileged = (port = 0): boolean => port > 0 && port < 1024;
  const isLow = ports.some(
    ({ hostPort, containerPort }) => isPrivileged(hostPort) || isPrivileged(containerPort),
  );
  return !isLow && user.uid < rangeSize && user.gid < rangeSize;
}
