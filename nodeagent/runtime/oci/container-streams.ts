/**
 * The pipes of a container with users of its own belong to root of the node, who made them. They are given to
 * the container's user, as runc does where users are the node's: many images open /dev/stdout anew.
 */
import { chown, stat } from 'node:fs/promises';
import type { ContainerSpec } from '../runtime.ts';

/** Of a container that is created, and not started yet. */
export async function giveStreams(
  pid: number,
  { userRange, user = { uid: 0, gid: 0 } }: Pick<ContainerSpec, 'userRange' | 'user'>,
): Promise<void> {
  if (!userRange) return;
  for (const stream of [0, 1, 2]) {
    const path = `/proc/${pid}/fd/${stream}`;
    if ((await stat(path)).isFIFO()) await chown(path, userRange.base + user.uid, userRange.base + user.gid);
  }
}
