/** The source tree as the structure tests see it. Paths are relative to the repository. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

export const sourceFolders = [
  'api/meta',
  'api/kinds',
  'api/store',
  'api/server',
  'client',
  'controllers',
  'scheduler',
  'nodeagent',
  'cli',
  'cluster',
];

export const sourceFiles: string[] = sourceFolders
  .flatMap((folder) => filesBelow(join(root, folder)))
  .map((file) => relative(root, file));

function filesBelow(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return filesBelow(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
