/**
 * Unpacks an archive that a container made, which may be anything.
 *
 * Invariant: nothing is written outside the target. Names with `..`, absolute names and links that lead
 * out are refused, and nothing is ever written through a link.
 */
import { constants } from 'node:fs';
import { lstat, mkdir, open, rm, symlink } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '../../api/meta/api-error.ts';
import { readTar, type TarEntry } from '../../client/tar/tar-reader.ts';

export interface ExtractOptions {
  /** The entry of this name and all below it are unpacked, under another name. */
  from: string;
  /** Where `from` goes. */
  to: string;
  /** Told of what is left out (devices, hard links). */
  onSkip: (message: string) => void;
}

/** Gives the number of entries unpacked. Throws ApiError BadRequest for an archive that would escape. */
export async function extractTar(
  archive: AsyncIterable<Buffer>,
  { from, to, onSkip }: ExtractOptions,
): Promise<number> {
  let count = 0;
  for await (const entry of readTar(archive)) {
    const path = relativeTo(from, entry.path);
    const target = path === '' ? to : join(to, path);
    if (path !== '') await checkParents(to, path);
    if (await unpack(entry, { path, target, onSkip })) count++;
  }
  return count;
}

/** The path below `from`, '' for itself. Throws for everything else. */
function relativeTo(from: string, path: string): string {
  const words = path.split('/').filter((word) => word !== '' && word !== '.');
  const root = from.split('/').filter((word) => word !== '' && word !== '.');
  const inside = root.every((word, at) => words[at] === word);
  if (path.startsWith('/') || path.includes('\0') || words.includes('..') || !inside) throw escapes(path);
  return words.slice(root.length).join(sep);
}

/** Every directory on the way is one of ours, and no link. */
async function checkParents(to: string, path: string): Promise<void> {
  const parts = path.split(sep).slice(0, -1);
  for (let length = 0; length <= parts.length; length++) {
    const directory = join(to, ...parts.slice(0, length));
    await mkdir(directory, { recursive: length === 0 }).catch(ignoreExisting);
    const state = await lstat(directory);
    // The target itself is the user's own choice; it may be a link.
    if (length > 0 && !state.isDirectory()) throw escapes(path);
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

async function unpack(
  entry: TarEntry,
  { path, target, onSkip }: { path: string; target: string; onSkip: (message: string) => void },
): Promise<boolean> {
  switch (entry.type) {
    case '0':
    case '7':
      await writeFile(entry, target);
      return true;
    case '5':
      await makeDirectory(target);
      return true;
    case '2':
      await makeLink(entry.linkPath, { path, target });
      return true;
    default:
      onSkip(`left out ${entry.path}: neither a file, a directory nor a symbolic link`);
      return false;
  }
}

async function makeDirectory(target: string): Promise<void> {
  await mkdir(target, { recursive: true });
}

/** A file or link that is there is replaced, never written through. */
async function writeFile(entry: TarEntry, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await removeOld(target);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(target, flags, entry.mode);
  await pipeline(Readable.from(entry.body()), file.createWriteStream());
}

async function makeLink(linkPath: string, { path, target }: { path: string; target: string }): Promise<void> {
  const depth = path.split(sep).length - 1;
  const words = linkPath.split('/').filter((word) => word !== '' && word !== '.');
  const climbs = words.findIndex((word) => word !== '..');
  const climbed = climbs < 0 ? words.length : climbs;
  // Climbing again from where another link leads to could end anywhere.
  if (path === '' || linkPath.startsWith('/') || climbed > depth || words.includes('..', climbed))
    throw escapes(path || linkPath);
  await removeOld(target);
  await symlink(linkPath, target);
}

async function removeOld(target: string): Promise<void> {
  const old = await lstat(target).catch(() => undefined);
  if (old?.isDirectory()) throw new ApiError('Conflict', `${target} is a directory`);
  if (old) await rm(target);
}

function escapes(path: string): ApiError {
  return new ApiError('BadRequest', `the archive would write outside its target: ${JSON.stringify(path)}`);
}
