/**
 * Files that are replaced all at once (kubelet's AtomicWriter):
 *
 *   <volume>/key → ..data/key      <volume>/..data → ..<hash>      <volume>/..<hash>/key
 *
 * Invariant: a reader sees all files of one version or all of the next; `..data` never names half a version.
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Projection } from '../../api/kinds/task-volumes.ts';
import type { ConfigData } from './config-source.ts';

export interface ProjectedFile {
  /** Relative, without `..`. */
  path: string;
  mode: number;
  content: Buffer;
}

/** Throws an Error that names a key which is asked for and not there. */
export function projectedFiles(data: ConfigData, projection: Projection): ProjectedFile[] {
  const { items, defaultMode, optional = false } = projection;
  if (!items) return [...data].map(([key, content]) => ({ path: key, mode: defaultMode, content }));
  return items.flatMap(({ key, path, mode = defaultMode }) => {
    const content = data.get(key);
    if (content) return [{ path, mode, content }];
    if (optional) return [];
    throw new Error(`there is no key ${JSON.stringify(key)}`);
  });
}

export async function writeProjected(directory: string, files: readonly ProjectedFile[]): Promise<void> {
  const version = `..${hashOf(files)}`;
  if ((await currentVersion(directory)) !== version) {
    await writeVersion(directory, version, files);
    const link = join(directory, '..data_next');
    await rm(link, { force: true });
    await symlink(version, link);
    await rename(link, join(directory, '..data'));
  }
  await linkNames(directory, new Set(files.map(({ path }) => firstPart(path))));
  for (const name of await readdir(directory))
    if (name.startsWith('..') && name !== '..data' && name !== version)
      await rm(join(directory, name), { recursive: true, force: true });
}

/** The directory that holds the files themselves; undefined before the first version. */
export function currentVersion(directory: string): Promise<string | undefined> {
  return readlink(join(directory, '..data')).catch(() => undefined);
}

async function writeVersion(
  directory: string,
  version: string,
  files: readonly ProjectedFile[],
): Promise<void> {
  const draft = join(directory, `${version}.part`);
  await rm(draft, { recursive: true, force: true });
  await rm(join(directory, version), { recursive: true, force: true });
  await mkdir(draft, { mode: 0o755 });
  for (const { path, mode, content } of files) {
    const file = join(draft, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, content, { mode: 0o600 });
    await chmod(file, mode);
  }
  await rename(draft, join(directory, version));
}

async function linkNames(directory: string, wanted: ReadonlySet<string>): Promise<void> {
  const present = (await readdir(directory)).filter((name) => !name.startsWith('..'));
  for (const name of present) if (!wanted.has(name)) await rm(join(directory, name), { force: true });
  for (const name of wanted)
    if (!present.includes(name)) await symlink(join('..data', name), join(directory, name));
}

function firstPart(path: string): string {
  return path.split('/').find((part) => part !== '' && part !== '.') ?? path;
}

function hashOf(files: readonly ProjectedFile[]): string {
  const hash = createHash('sha256');
  for (const { path, mode, content } of files)
    hash.update(`${path}\0${mode}\0${content.length}\0`).update(content);
  return hash.digest('hex').slice(0, 16);
}
