/** Which of the node's own files tasks may see: the agent's allow-list, by the paths things really have. */
import { realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';

/** Nothing is allowed by default; what is allowed may be read, and with `:rw` written. */
export interface AllowedPath {
  path: string;
  writable: boolean;
}

/** `/data,/scratch:rw`. Undefined when it is not a list of absolute paths. */
export function parseAllowedPaths(text: string): AllowedPath[] | undefined {
  const entries = text.split(',').filter(Boolean);
  if (entries.some((entry) => !entry.startsWith('/'))) return undefined;
  return entries.map((entry) => {
    const writable = entry.endsWith(':rw');
    return { path: resolve(writable ? entry.slice(0, -3) : entry), writable };
  });
}

/** The real path, when it is allowed; throws an Error with why not. */
export async function allowedRealPath(
  path: string,
  readOnly: boolean,
  allowed: readonly AllowedPath[],
): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  // What is not allowed and what is not there look the same to who may not know.
  const entry = real === undefined ? undefined : await findEntry(real, allowed);
  if (real === undefined || !entry)
    throw new Error(`hostPath ${path} is not there or not allowed on this node (--allow-host-path)`);
  if (!readOnly && !entry.writable)
    throw new Error(`hostPath ${path} may only be read on this node: set readOnly on the mount`);
  return real;
}

/** The most exact one that covers the path. */
async function findEntry(real: string, allowed: readonly AllowedPath[]): Promise<AllowedPath | undefined> {
  const roots = await Promise.all(
    allowed.map(async (entry) => ({ entry, root: await realpath(entry.path).catch(() => undefined) })),
  );
  return roots
    .filter(({ root }) => root !== undefined && isWithin(real, root))
    .sort((a, b) => (b.root?.length ?? 0) - (a.root?.length ?? 0))[0]?.entry;
}

function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}
