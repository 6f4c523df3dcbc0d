/** `-f`: files, directories and standard input, in order, as manifests. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../api/meta/api-error.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './failure.ts';
import type { Manifest } from './manifest.ts';

export interface FileOptions {
  filename?: string[];
  recursive?: boolean;
}

/** Throws when there is nothing to read, or anything in it cannot be read as manifests. */
export async function readManifests(
  context: Pick<CommandContext, 'stdin'>,
  { filename: sources = [], recursive = false }: FileOptions,
): Promise<Manifest[]> {
  if (sources.length === 0)
    throw new UsageError('say what to read: -f FILE, -f DIRECTORY or -f - (standard input)');
  const { parseManifests } = await import('./manifest.ts');
  const manifests: Manifest[] = [];
  for (const source of sources) {
    if (source === '-') manifests.push(...parseManifests(await context.stdin(), 'stdin'));
    else
      for (const file of await filesOf(source, recursive))
        manifests.push(...parseManifests(await readFile(file), file));
  }
  if (manifests.length === 0) throw new ApiError('BadRequest', `no objects in ${sources.join(', ')}`);
  return manifests;
}

async function filesOf(source: string, recursive: boolean): Promise<string[]> {
  if (/^https?:\/\//.test(source))
    throw new UsageError(
      `${source}: manifests are read from files; fetch it first (curl … | gantry apply -f -)`,
    );
  const stats = await stat(source).catch((error: NodeJS.ErrnoException) => {
    throw new ApiError(
      'BadRequest',
      `${source}: ${error.code === 'ENOENT' ? 'no such file or directory' : error.message}`,
    );
  });
  return stats.isDirectory() ? manifestFiles(source, recursive) : [source];
}

async function manifestFiles(directory: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) files.push(...(recursive ? await manifestFiles(path, true) : []));
    else if (/\.(ya?ml|json)$/.test(entry.name)) files.push(path);
  }
  return files;
}
