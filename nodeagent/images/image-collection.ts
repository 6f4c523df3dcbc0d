/**
 * Removes images nobody uses, the one not used for longest first.
 *
 * Invariant: what a container runs from (the kernel's mount table says so), what a task of this agent may start
 * again, what was preloaded and what was just used stays. An image vanishes at once, by a rename; a removal that
 * is cut short leaves only what the next one takes away.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { layoutIndex, ociManifest, parseManifest } from './image-manifest.ts';
import { blobPath, imageDirectory, lookUp, namesOf, sizeOf } from './image-store.ts';
import { readPreloaded } from './preload.ts';

export interface Collection {
  nowMs: number;
  /** Digests that are wanted though nothing runs from them. */
  inUse: ReadonlySet<string>;
  /** Used within so long: kept. */
  minAgeMs: number;
  /** Enough when so much is free; absent: all that is unused goes. */
  bytes?: number;
}

export interface Collected {
  removed: { digest: string; names: string[]; sizeBytes: number }[];
  freedBytes: number;
}

/** Files of pulls and loads that were killed are that old at least before they go. */
const leftoverMs = 3_600_000;

export async function collectImages(directory: string, collection: Collection): Promise<Collected> {
  const { nowMs, bytes = Number.POSITIVE_INFINITY } = collection;
  const collected: Collected = { removed: [], freedBytes: 0 };
  for (const digest of await candidates(directory, collection)) {
    if (collected.freedBytes >= bytes) break;
    const sizeBytes = (await sizeOf(directory, digest)) ?? 0;
    const names = await removeImage(directory, digest);
    collected.removed.push({ digest, names, sizeBytes });
    collected.freedBytes += sizeBytes;
  }
  await removeLeftovers(directory, nowMs);
  return collected;
}

/** Unused images, the one not used for longest first. */
async function candidates(directory: string, { nowMs, inUse, minAgeMs }: Collection): Promise<string[]> {
  const preloaded = new Set(Object.values(await readPreloaded(directory)).flat());
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  const digests = (await readdir(join(directory, 'images')).catch(() => [])).map((hex) => `sha256:${hex}`);
  const free = digests.filter(
    (digest) =>
      !inUse.has(digest) &&
      !preloaded.has(digest) &&
      !mounts.includes(`${imageDirectory('images', digest)}/`),
  );
  const used = await Promise.all(
    free.map(async (digest) => ({ digest, atMs: await usedAtMs(directory, digest) })),
  );
  return used
    .filter(({ atMs }) => nowMs - atMs >= minAgeMs)
    .sort((one, other) => one.atMs - other.atMs)
    .map(({ digest }) => digest);
}

/** Kept as the time of the image's description. */
async function usedAtMs(directory: string, digest: string): Promise<number> {
  const found = await stat(join(imageDirectory(directory, digest), 'meta.json')).catch(() => undefined);
  return found?.mtimeMs ?? 0;
}

async function removeImage(directory: string, digest: string): Promise<string[]> {
  const names = await namesOf(directory, digest);
  const blobs = await blobsOf(directory, digest);
  const grave = join(directory, 'tmp', randomUUID());
  await mkdir(join(directory, 'tmp'), { recursive: true });
  await rename(imageDirectory(directory, digest), grave);
  for (const name of names) await rm(join(directory, 'names', encodeURIComponent(name)), { force: true });
  // Last, so that a private image is never there without its restriction.
  await rm(join(directory, 'access', `${digest.slice('sha256:'.length)}.json`), { force: true });
  const wanted = await wantedBlobs(directory);
  for (const blob of blobs) if (!wanted.has(blob)) await rm(blobPath(directory, blob), { force: true });
  await rm(grave, { recursive: true, force: true });
  return names;
}

/** What killed pulls, loads and removals have left. */
async function removeLeftovers(directory: string, nowMs: number): Promise<void> {
  const isOld = async (path: string): Promise<boolean> => {
    const found = await stat(path).catch(() => undefined);
    return found !== undefined && nowMs - found.mtimeMs > leftoverMs;
  };
  for (const name of await readdir(join(directory, 'tmp')).catch(() => [])) {
    const path = join(directory, 'tmp', name);
    if (await isOld(path)) await rm(path, { recursive: true, force: true });
  }
  for (const file of await readdir(join(directory, 'names')).catch(() => [])) {
    const named = await lookUp(directory, decodeURIComponent(file));
    const isGone = named && (await sizeOf(directory, named.digest)) === undefined;
    if (isGone) await rm(join(directory, 'names', file), { force: true });
  }
  const wanted = await wantedBlobs(directory);
  for (const hex of await readdir(join(directory, 'blobs', 'sha256')).catch(() => [])) {
    const path = blobPath(directory, `sha256:${hex}`);
    if (!wanted.has(`sha256:${hex}`) && (await isOld(path))) await rm(path, { force: true });
  }
}

async function wantedBlobs(directory: string): Promise<Set<string>> {
  const images = await readdir(join(directory, 'images')).catch(() => []);
  return new Set((await Promise.all(images.map((hex) => blobsOf(directory, `sha256:${hex}`)))).flat());
}

/** Its manifest, as it came and as tools want it, and what that names. */
async function blobsOf(directory: string, digest: string): Promise<string[]> {
  const bytes = await readFile(blobPath(directory, digest)).catch(() => undefined);
  if (!bytes) return [];
  const { config, layers } = parseManifest(bytes);
  const [plain] = layoutIndex(ociManifest(bytes)).manifests;
  return [digest, plain.digest, config.digest, ...layers.map((layer) => layer.digest)];
}
