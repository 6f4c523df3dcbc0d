/** A container's process, between what the engine says of it and what the kernel does. */
import { readFile } from 'node:fs/promises';

/** The engine's own notes, as both known engines keep them; 0 when the process is over. */
export function pidIn(info: Record<string, string>): number {
  return JSON.parse(info['info'] ?? '{}').pid ?? 0;
}

/** Of a container whose root is an overlay: what lies over its image. */
export async function writtenFiles(pid: number): Promise<string | undefined> {
  const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
  return /^\S+ \S+ \S+ \S+ \/ .* - overlay .*upperdir=([^,\n]+)/m.exec(mounts)?.[1];
}

/** A container's group is called by the engine's id of it. */
export async function engineIdOf(pid: number): Promise<string | undefined> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  return /\/([0-9a-f]{64})$/m.exec(groups)?.[1];
}
