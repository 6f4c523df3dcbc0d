/**
 * Archives an operator put on the node before the agent: all images of a directory, for machines that reach no
 * registry. What was taken in once is not taken in again until its file changes.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../api/meta/logger.ts';
import { loadImage } from './image-load.ts';
import { writeWhole } from './whole-file.ts';

/** Digests of what was preloaded, by `<file name> <size> <mtime>`. */
export type Preloaded = Record<string, string[]>;

/** A broken archive is told of, and passed over. */
export async function preloadImages(directory: string, from: string, logger: Logger): Promise<void> {
  const known = await readPreloaded(directory);
  const now: Preloaded = {};
  for (const file of (await readdir(from).catch(() => [])).sort()) {
    const path = join(from, file);
    const { size, mtimeMs } = await stat(path);
    const key = `${file} ${size} ${mtimeMs}`;
    try {
      now[key] = known[key] ?? (await loadImage(directory, path)).map(({ digest }) => digest);
    } catch (error) {
      logger.warn({ archive: path, err: error }, 'an archive of images cannot be preloaded');
    }
  }
  if (Object.keys(now).length === 0 && Object.keys(known).length === 0) return;
  await writeWhole(directory, recordPath(directory), JSON.stringify(now));
}

export async function readPreloaded(directory: string): Promise<Preloaded> {
  const text = await readFile(recordPath(directory), 'utf8').catch(() => '{}');
  return JSON.parse(text);
}

function recordPath(directory: string): string {
  return join(directory, 'preloaded.json');
}
