/**
 * The volumes of one task on its node: made when the first container asks for them, in
 * `<volumes>/<uid>/volumes/<name>`; what is inside a volume, or elsewhere on the node, is bound to a place of
 * the agent's own before a container gets to see it: `<volumes>/<uid>/mounts/<cid>/<n>`. Volumes of claims are not
 * theirs (local-volumes.ts).
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
import { apiAccessVolume, hasApiAccess, rootCertificates } from './api-access.ts';
import type { ConfigData, ConfigKind, ConfigSource } from './config-source.ts';
import { allowedRealPath } from './host-path.ts';
import { ownVolume } from './local-volumes.ts';
import { currentVersion, writeProjected } from './projected-files.ts';
import { handlePath, openBelow } from './safe-path.ts';
import { mountsBelow, removeTaskDirectory, taskDirectory, taskVolumeDirectory } from './task-directory.ts';
import { type FileSources, holdsSecrets, isWrittenByAgent, volumeFiles } from './volume-files.ts';

/** A Secret is 1 MiB at most; two versions are there during a change. */
const maxSecretBytes = 8 * 1024 ** 2;

export class TaskVolumes {
  readonly #node: NodeFacts;
  readonly #record: TaskRecord;
  readonly #directory: string;
  readonly #configs: Pick<ConfigSource, 'read'>;
  /** What was last read, for when the API server cannot be asked. */
  readonly #known = new Map<string, ConfigData>();
  /** Beside the runner's turns, which must not wait for the API server. */
  #refreshing: Promise<void> | undefined;
  /** By name: containers that start at once share one making. */
  readonly #made = new Map<string, Promise<string>>();

  constructor(node: NodeFacts, record: TaskRecord, configs: Pick<ConfigSource, 'read'>) {
    this.#node = node;
    this.#configs = configs;
    this.#record = record;
    this.#directory = taskDirectory(node, record.uid);
  }

  /** What the container `cid` has to bind. Throws an Error that says what is wrong with the volume. */
  async mount(cid: string, mounts: readonly VolumeMount[]): Promise<BindMount[]> {
    const bound: BindMount[] = [];
    for (const [index, mount] of mounts.entries()) {
      const source = await this.#source(mount, join(this.#directory, 'mounts', cid, `${index}`));
      const volume = this.#volume(mount.name);
      const readOnly =
        mount.readOnly || isWrittenByAgent(volume) || (volume.persistentVolumeClaim?.readOnly ?? false);
      bound.push({ source, destination: mount.mountPath, readOnly });
    }
    // What is mounted below another mount comes after it.
    return bound.sort((a, b) => (a.destination < b.destination ? -1 : 1));
  }

  /** Lets go of what was bound for a container that is no more. */
  async release(cid: string): Promise<void> {
    await removeTaskDirectory(join(this.#directory, 'mounts', cid));
  }

  async #source({ name, subPath, readOnly }: VolumeMount, place: string): Promise<string> {
    const volume = this.#volume(name);
    if (volume.hostPath) return this.#bindHostPath(volume.hostPath, { subPath, readOnly, place });
    const { persistentVolumeClaim: claim } = volume;
    const path = claim && this.#claimPath(claim.claimName);
    const own = path === undefined ? undefined : await ownVolume(this.#node.claimDirectory ?? '', path);
    if (path !== undefined && own === undefined)
      return this.#bindHostPath({ path, type: 'Directory' }, { subPath, readOnly, place });
    const directory = own ?? (await this.#make(volume));
    if (subPath === undefined) return directory;
    if (volume.emptyDir || own)
      return bindOpened(() => openBelow(directory, subPath, { create: true }), place);
    const version = (await currentVersion(directory)) ?? '';
    return bindOpened(() => openBelow(join(directory, version), subPath), place);
  }

  #claimPath(claim: string): string {
    const path = this.#record.task.spec.claimPaths?.[claim];
    if (path !== undefined) return path;
    throw new Error(`the volume of persistentvolumeclaim ${JSON.stringify(claim)} is not known`);
  }

  #volume(name: string): Volume {
    if (name === apiAccessVolume.name) return apiAccessVolume;
    const volume = this.#record.task.spec.volumes?.find((each) => each.name === name);
    if (volume) return volume;
    throw new Error(`the task has no volume named ${name}`);
  }

  /** Brings the files the agent writes up to date; what cannot be read stays as it is. */
  refresh(): void {
    const { volumes = [] } = this.#record.task.spec;
    const access = hasApiAccess(this.#node, this.#record.task.spec) ? [apiAccessVolume] : [];
    const projected = [...volumes.filter(isWrittenByAgent), ...access];
    if (projected.length === 0 || this.#refreshing) return;
    this.#refreshing = Promise.allSettled(projected.map((volume) => this.#make(volume))).then(() => {
      this.#refreshing = undefined;
    });
  }

  /** Resolves when nothing is written any more. */
  async settled(): Promise<void> {
    await this.#refreshing;
  }

  /** The data of a ConfigMap or Secret; throws an Error when it is not there and has to be. */
  async config(kind: ConfigKind, name: string, optional = false): Promise<ConfigData> {
    const { apiAccess } = this.#node;
    if (kind === 'configMap' && name === rootCertificates && apiAccess) return apiAccess.rootCertificates;
    const { namespace = '' } = this.#record.task.metadata;
    const id = `${kind}/${name}`;
    try {
      const data = await this.#configs.read(kind, { namespace, name });
      if (data) this.#known.set(id, data);
      if (data) return data;
    } catch (error) {
      const known = this.#known.get(id);
      if (known) return known;
      throw error;
    }
    if (optional) return new Map();
    throw new Error(`${kind === 'secret' ? 'secret' : 'configmap'} ${JSON.stringify(name)} not found`);
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
    const making = volume.emptyDir ? this.#makeEmpty(volume) : this.#makeProjected(volume);
    const made = making.catch((error: unknown) => {
      this.#made.delete(volume.name);
      throw error;
    });
    this.#made.set(volume.name, made);
    return made;
  }

  async #makeProjected(volume: Volume): Promise<string> {
    const { name } = volume;
    const directory = taskVolumeDirectory(this.#directory, name);
    const config: FileSources['config'] = (kind, of, optional) => this.config(kind, of, optional);
    const files = await volumeFiles(volume, { node: this.#node, record: this.#record, config });
    await mkdir(directory, { recursive: true, mode: 0o755 });
    if (holdsSecrets(volume)) await mountTmpfs(directory, ['mode=0755', `size=${maxSecretBytes}`]);
    await writeProjected(directory, files);
    // Only under way once at a time, but again whenever it is asked for.
    this.#made.delete(name);
    return directory;
  }

  async #makeEmpty({ name, emptyDir }: Volume): Promise<string> {
    const directory = taskVolumeDirectory(this.#directory, name);
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
