/**
 * Paths that somebody else may change while they are walked: a volume's content is its task's. Every
 * component is opened by itself below its parent, and a symbolic link is never followed (CVE-2021-25741).
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { hasCode } from './system-errors.ts';

const anyFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const directoryFlags = anyFlags | constants.O_DIRECTORY;

/**
 * Opens `path` below `base`; the caller closes the handle. Missing directories are made when asked for.
 * Throws the system's error: ELOOP or ENOTDIR for a link on the way.
 */
export async function openBelow(
  base: string,
  path: string,
  { create = false }: { create?: boolean } = {},
): Promise<FileHandle> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error(`${path} leads upwards`);
  let handle = await open(base, directoryFlags);
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    try {
      const next = await openIn(handle, part, { create, flags: isLast ? anyFlags : directoryFlags });
      await handle.close();
      handle = next;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }
  return handle;
}

async function openIn(
  directory: FileHandle,
  name: string,
  { create, flags }: { create: boolean; flags: number },
): Promise<FileHandle> {
  const path = `${handlePath(directory)}/${name}`;
  try {
    return await open(path, flags);
  } catch (error) {
    if (!create || !hasCode(error, 'ENOENT')) throw error;
    await mkdir(path, { mode: 0o755 }).catch((problem: unknown) => {
      if (!hasCode(problem, 'EEXIST')) throw problem;
    });
    return open(path, directoryFlags);
  }
}

/** Names the very file that is open, whatever its path leads to by now; for other processes as well. */
export function handlePath({ fd }: FileHandle): string {
  return `/proc/${process.pid}/fd/${fd}`;
}
