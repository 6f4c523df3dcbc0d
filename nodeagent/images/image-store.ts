/**
 * Images on disk, ready to run. Several agents and the CLI may share one directory without a lock:
 *
 *   images/<sha256 hex>/  rootfs/ (unpacked once), meta.json           appears whole, by a rename
 *   blobs/sha256/<hex>    manifests, configurations and layers as they came; verified, by a rename
 *   names/<escaped name>  holds the digest, and whether it was pulled   replaced whole, by a rename
 *   access/<hex>.json     who may use it (image-access.ts)
 *
 * Invariant: whoever sees a name finds its image complete. Images are never changed once there.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ApiError } from '../../api/meta/api-error.ts';
import { runCommand } from '../command.ts';
import { requireSpace } from './disk-space.ts';
import type { ImageConfig } from './image-config.ts';
import { layoutIndex, ociManifest, parseManifest } from './image-manifest.ts';
import { checkLayers } from './layer-check.ts';
import { digestOf, normalReference, pinned } from './reference.ts';
import { writeWhole } from './whole-file.ts';

export interface Image {
  /** Normal forms, sorted. */
  names: string[];
  /** `sha256:…` of its manifest. */
  digest: string;
  sizeBytes: number;
}

/** An image found and ready to run. */
export interface ReadyImage {
  digest: string;
  rootfs: string;
  config: ImageConfig;
}

/** What a name stands for, and how it came here. */
export interface NamedImage {
  digest: string;
  origin: 'loaded' | 'pulled';
}

const unpackTimeoutMs = 600_000;

/** Runs `work` in a directory of its own beside the images, which is gone afterwards. */
export async function inScratch<T>(directory: string, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = join(directory, 'tmp', randomUUID());
  await mkdir(scratch, { recursive: true, mode: 0o755 });
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** All images, by their first name. */
export async function listImages(directory: string): Promise<Image[]> {
  const named = new Map<string, string[]>();
  for (const file of await readdir(join(directory, 'names')).catch(() => [])) {
    const name = decodeURIComponent(file);
    const found = await lookUp(directory, name);
    if (found) named.set(found.digest, [...(named.get(found.digest) ?? []), name]);
  }
  const images = await Promise.all(
    [...named].map(async ([digest, names]): Promise<Image[]> => {
      const meta = await readMeta(directory, digest);
      return meta ? [{ names: names.sort(), digest, sizeBytes: meta.sizeBytes }] : [];
    }),
  );
  return images.flat().sort((a, b) => ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1));
}

export async function namesOf(directory: string, digest: string): Promise<string[]> {
  const names = (await readdir(join(directory, 'names')).catch(() => [])).map(decodeURIComponent);
  const found = await Promise.all(names.map((name) => lookUp(directory, name)));
  return names.filter((_name, index) => found[index]?.digest === digest).sort();
}

/** Compressed and unpacked; undefined when the image is not here. */
export async function sizeOf(directory: string, digest: string): Promise<number | undefined> {
  return (await readMeta(directory, digest))?.sizeBytes;
}

/** It is used, now. */
export async function touchImage(directory: string, digest: string, nowMs: number): Promise<void> {
  const path = join(imageDirectory(directory, digest), 'meta.json');
  // Gone meanwhile: whoever wants it will find that out.
  await utimes(path, nowMs / 1000, nowMs / 1000).catch(() => {});
}

/** Undefined when no image of that name or digest is here. */
export async function findImage(directory: string, reference: string): Promise<ReadyImage | undefined> {
  const normal = normalReference(reference);
  if (normal === undefined) return undefined;
  const digest = await digestNamed(directory, normal);
  return digest === undefined ? undefined : imageAt(directory, digest);
}

export async function imageAt(directory: string, digest: string): Promise<ReadyImage | undefined> {
  const meta = await readMeta(directory, digest);
  const rootfs = join(imageDirectory(directory, digest), 'rootfs');
  return meta && { digest, rootfs, config: meta.config };
}

async function digestNamed(directory: string, normal: string): Promise<string | undefined> {
  const pin = digestOf(normal);
  // The digest of a manifest for many machines stands for the one of this machine's.
  const name = pin === undefined ? normal : pinned(normal, pin);
  return (await lookUp(directory, name))?.digest ?? pin;
}

/** `name` in its normal form. */
export async function lookUp(directory: string, name: string): Promise<NamedImage | undefined> {
  const text = await readFile(namePath(directory, name), 'utf8').catch(() => '');
  const [, digest, origin] = /^(sha256:[a-f0-9]{64})( pulled)?$/.exec(text) ?? [];
  return digest === undefined ? undefined : { digest, origin: origin ? 'pulled' : 'loaded' };
}

export async function writeName(
  directory: string,
  name: string,
  { digest, origin }: NamedImage,
): Promise<void> {
  await writeWhole(directory, namePath(directory, name), origin === 'pulled' ? `${digest} pulled` : digest);
}

export async function makeBlobDirectory(directory: string): Promise<void> {
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true, mode: 0o755 });
}

/** A layout in `path` whose blobs are the store's own: what a tool writes there is kept. */
export async function makeLayout(directory: string, path: string): Promise<void> {
  await makeBlobDirectory(directory);
  await mkdir(path, { mode: 0o755 });
  await symlink(resolve(directory, 'blobs'), join(path, 'blobs'));
  await writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

/** Unpacks an image all of whose blobs are here. `scratch` is the caller's. */
export async function unpackImage(directory: string, digest: string, scratch: string): Promise<void> {
  const home = imageDirectory(directory, digest);
  if (await stat(home).catch(() => undefined)) return;
  const bytes = await readFile(blobPath(directory, digest));
  const { config: configBlob, layers } = parseManifest(bytes);
  const { config = {} } = JSON.parse(await readFile(blobPath(directory, configBlob.digest), 'utf8'));
  const unpackedBytes = await checkLayers(
    layers.map((layer) => ({ ...layer, path: blobPath(directory, layer.digest) })),
  );
  await requireSpace(directory, unpackedBytes);
  const layout = join(scratch, `layout-of-${digest.slice(-12)}`);
  await makeLayout(directory, layout);
  const manifest = ociManifest(bytes);
  const index = layoutIndex(manifest);
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  await addBlob(directory, manifest, index.manifests[0].digest);
  const staged = `${layout}-unpacked`;
  await mkdir(staged, { mode: 0o755 });
  const source = ['--image', `${layout}:image`, join(staged, 'rootfs')];
  await runCommand('umoci', ['raw', 'unpack', ...source], { timeoutMs: unpackTimeoutMs });
  const sizeBytes = layers.reduce((sum, { size }) => sum + size, unpackedBytes);
  await writeFile(join(staged, 'meta.json'), JSON.stringify({ config, sizeBytes }));
  await mkdir(join(directory, 'images'), { recursive: true, mode: 0o755 });
  // Somebody else may have been faster; the same digest is the same image.
  await rename(staged, home).catch(async (error: unknown) => {
    if (!(await stat(home).catch(() => undefined))) throw error;
  });
}

export function addBlob(directory: string, bytes: Buffer, digest: string): Promise<void> {
  return writeWhole(directory, blobPath(directory, digest), bytes);
}

interface Meta {
  config: ImageConfig;
  sizeBytes: number;
}

/** Undefined when the image is not here, or just being removed. */
async function readMeta(directory: string, digest: string): Promise<Meta | undefined> {
  const text = await readFile(join(imageDirectory(directory, digest), 'meta.json'), 'utf8').catch(
    () => undefined,
  );
  return text === undefined ? undefined : JSON.parse(text);
}

function namePath(directory: string, name: string): string {
  const escaped = encodeURIComponent(name);
  if (escaped.length <= 255) return join(directory, 'names', escaped);
  throw new ApiError(
    'BadRequest',
    `the image name ${createHash('sha256').update(name).digest('hex')} is too long`,
  );
}

export function imageDirectory(directory: string, digest: string): string {
  return join(directory, 'images', digest.slice('sha256:'.length));
}

export function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs', ...(digest.split(':') as [string, string]));
}
