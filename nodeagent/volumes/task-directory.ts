/**
 * What a task has on the node's disk besides its containers: `<volumes>/<uid>/`, with everything that is
 * mounted below it. Removed when the task is over; removing it twice is no error.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from '../command.ts';
import type { NodeFacts } from '../hooks/hook.ts';

export function volumeDirectoryIn(rootDirectory: string): string {
  return join(rootDirectory, 'volumes');
}

export function taskDirectory({ volumeDirectory }: Pick<NodeFacts, 'volumeDirectory'>, uid: string): string {
  return join(volumeDirectory, uid);
}

/** Where the task's volume of that name is; all of them, without a name. */
export function taskVolumeDirectory(taskDirectory: string, name = ''): string {
  return join(taskDirectory, 'volumes', name);
}

/** Unmounts first: `rm` must never walk into a mounted file system. */
export async function removeTaskDirectory(directory: string): Promise<void> {
  for (const path of await mountsBelow(directory)) {
    const { exitCode } = await tryCommand('umount', [path]);
    if (exitCode !== 0) await runCommand('umount', ['--lazy', path]);
  }
  await rm(directory, { recursive: true, force: true });
}

/** Directories of tasks nobody knows, left by a deletion cut short. */
export async function removeStrayDirectories(
  volumeDirectory: string,
  known: ReadonlySet<string>,
): Promise<void> {
  for (const uid of await readdir(volumeDirectory).catch(() => []))
    if (!known.has(uid)) await removeTaskDirectory(join(volumeDirectory, uid));
}

/** Innermost first. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  return table
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse();
}
