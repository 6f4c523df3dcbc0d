/**
 * The volumes of one task on its node: made when the first container asks for them, in
 * `<volumes>/<uid>/volumes/<name>`; what is inside a volume, or elsewhere on the node, is bound to a place of
 * the agent's own before a container gets to see it: `<volumes>/<uid>/mounts/<cid>/<n>`.
 *
 * Invariant: may be killed anywhere and run again; removing the task's directory removes all of it.
 */
import { chmod, type FileHandle, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Volume, VolumeMount } from '../../api/kinds/task-volumes.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';
import { runCommand } from '../command.ts';
import type { NodeFacts } from '../hooks/hook.ts';
import type { BindMount } from '../runtime/runtime.ts';
import type { TaskRecord } from '../task/task-record.ts';
import { allowedRealPath } from './host-path.ts';
import { handlePath, openBelow } from './safe-path.ts';
import { mountsBelow, removeTaskDirectory, taskDirectory } from './task-directory.ts';

export class TaskVolumes {
  readonly #node: NodeFacts;
  readonly #record: TaskRecord;
  readonly #directory: string;
  /** By name: containers that start at once share one making. */
  readonly #made = new Map<string, Promise<string>>();

  constructor(node: NodeFacts, record: TaskRecord) {
    this.#node = node;
    this.#record = record;
    this.#directory = taskDirectory(node, record.uid);
  }

  /** What the container `cid` has to bind. Throws an Error that says what is wrong with the volume. */
  async mount(cid: string, mounts: readonly VolumeMount[]): Promise<BindMount[]> {
    const bound: BindMount[] = [];
    for (const [index, mount] of mounts.entries()) {
      const source = await this.#source(mount, join(this.#directory, 'mounts', cid, `${index}`));
      bound.push({ source, destination: mount.mountPath, readOnly: mount.readOnly });
    }
    // What is mounted below another mount comes after it.
    return bound.sort((a, b) => (a.destination < b.destination ? -1 : 1));
  }

  /** Lets go of what was bound for a container that is no more. */
  async release(cid: string): Promise<void> {
    await removeTaskDirectory(join(this.#directory, 'mounts', cid));
  }

  async #source({ name, subPath, readOnly }: VolumeMount, place: string): Promise<string> {
    const volume = this.#record.task.spec.volumes?.find((each) => each.name === name);
    if (!volume) throw new Error(`the task has no volume named ${name}`);
    if (volume.hostPath) return this.#bindHostPath(volume.hostPath, { subPath, readOnly, place });
    const directory = await this.#make(volume);
    if (subPath === undefined) return directory;
    return bindOpened(() => openBelow(directory, subPath, { create: true }), place);
  }

  async #bindHostPath(
    { path, type = '' }: NonNullable<Volume['hostPath']>,
    { subPath = '', readOnly, place }: { subPath: string | undefined; readOnly: boolean; place: string },
  ): Promise<string> {
    const real = await allowedRealPath(path, readOnly, this.#node.allowedHostPaths ?? []);
    return bindOpened(async () => {
      const handle = await openBelow('/', `${real}/${subPath}`);
      const isDirectory = (await handle.stat()).isDirectory();
      if (type === '' || isDirectory === (type === 'Directory')) return handle;
      await handle.close();
      throw new Error(`hostPath ${path} is not a ${type}`);
    }, place);
  }

  #make(volume: Volume): Promise<string> {
    const known = this.#made.get(volume.name);
    if (known) return known;
    const made = this.#makeEmpty(volume).catch((error: unknown) => {
      this.#made.delete(volume.name);
      throw error;
    });
    this.#made.set(volume.name, made);
    return made;
  }

  async #makeEmpty({ name, emptyDir }: Volume): Promise<string> {
    const directory = join(this.#directory, 'volumes', name);
    await mkdir(directory, { recursive: true, mode: 0o711 });
    if (emptyDir?.medium !== 'Memory') {
      await chmod(directory, 0o777);
      return directory;
    }
    const bytes = resourceAmounts({ memory: emptyDir.sizeLimit ?? '0' })['memory'] ?? 0;
    await mountTmpfs(directory, bytes > 0 ? ['mode=0777', `size=${bytes}`] : ['mode=0777']);
    return directory;
  }
}

/** Once: another agent may have mounted it before. */
export async function mountTmpfs(directory: string, options: readonly string[]): Promise<void> {
  const mounted = await mountsBelow(join(directory, '..'));
  if (mounted.includes(directory)) return;
  await runCommand('mount', [
    '-t',
    'tmpfs',
    '-o',
    ['nosuid', 'nodev', ...options].join(','),
    'tmpfs',
    directory,
  ]);
}

async function bindOpened(opened: () => Promise<FileHandle>, place: string): Promise<string> {
  const handle = await opened();
  try {
    await removeTaskDirectory(place);
    await mkdir(join(place, '..'), { recursive: true, mode: 0o711 });
    if ((await handle.stat()).isDirectory()) await mkdir(place);
    else await writeFile(place, '');
    await runCommand('mount', ['--bind', handlePath(handle), place]);
    return place;
  } finally {
    await handle.close();
  }
}
