/**
 * Images on disk, ready to run. Several agents and the CLI may share one directory without a lock:
 *
 *   images/<sha256 hex>/  rootfs/ (unpacked once), meta.json           appears whole, by a rename
 *   names/<escaped name>  holds the digest                              replaced whole, by a rename
 *
 * Invariant: whoever sees a name finds its image complete. Images are never changed once there.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ApiError } from '../../api/meta/api-error.ts';
import { runCommand } from '../command.ts';
import { archiveContents } from './archive.ts';
import type { ImageConfig } from './image-config.ts';
import { digestOf, normalReference } from './reference.ts';

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

interface Manifest {
  config: { digest: string };
  layers: { size: number }[];
}

/**
 * Takes in every image of an archive (docker-archive, oci-archive) or OCI layout directory, under its own
 * names, or `name` when it holds one. Throws ApiError BadRequest when it is no such archive.
 */
export async function loadImage(directory: string, archive: string, name?: string): Promise<Image[]> {
  const scratch = join(directory, 'tmp', randomUUID());
  await mkdir(scratch, { recursive: true, mode: 0o755 });
  try {
    // skopeo splits its argument at colons: it must never see the caller's path.
    const source = join(scratch, 'archive');
    await symlink(resolve(archive), source);
    const contents = await archiveContents(source, name);
    const loaded: Image[] = [];
    for (const [index, image] of contents.entries()) {
      const layout = join(scratch, `layout-${index}`);
      await runCommand('skopeo', ['copy', '--quiet', image.source, `oci:${layout}:image`], {
        timeoutMs: 600_000,
      });
      const digest = await unpackInto(directory, layout);
      for (const each of image.names) await writeName(directory, each, digest);
      const { sizeBytes } = await readMeta(directory, digest);
      loaded.push({ names: image.names, digest, sizeBytes });
    }
    return loaded;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** All images, by their first name. */
export async function listImages(directory: string): Promise<Image[]> {
  const named = new Map<string, string[]>();
  for (const file of await readdir(join(directory, 'names')).catch(() => [])) {
    const digest = await digestOfName(directory, decodeURIComponent(file));
    if (digest) named.set(digest, [...(named.get(digest) ?? []), decodeURIComponent(file)]);
  }
  const images = await Promise.all(
    [...named].map(async ([digest, names]) => ({
      names: names.sort(),
      digest,
      sizeBytes: (await readMeta(directory, digest)).sizeBytes,
    })),
  );
  return images.sort((a, b) => ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1));
}

/** Undefined when no image of that name or digest is here. */
export async function findImage(directory: string, reference: string): Promise<ReadyImage | undefined> {
  const normal = normalReference(reference);
  if (normal === undefined) return undefined;
  const digest = digestOf(normal) ?? (await digestOfName(directory, normal));
  if (digest === undefined) return undefined;
  const home = imageDirectory(directory, digest);
  const present = await stat(join(home, 'rootfs')).catch(() => undefined);
  if (!present) return undefined;
  return { digest, rootfs: join(home, 'rootfs'), config: (await readMeta(directory, digest)).config };
}

async function unpackInto(directory: string, layout: string): Promise<string> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
  const digest: string = index.manifests[0].digest;
  const home = imageDirectory(directory, digest);
  if (await stat(home).catch(() => undefined)) return digest;
  const manifest: Manifest = JSON.parse(await readFile(blobPath(layout, digest), 'utf8'));
  const { config = {} } = JSON.parse(await readFile(blobPath(layout, manifest.config.digest), 'utf8'));
  const staged = `${layout}-unpacked`;
  await mkdir(staged, { mode: 0o755 });
  await runCommand('umoci', ['raw', 'unpack', '--image', `${layout}:image`, join(staged, 'rootfs')], {
    timeoutMs: 600_000,
  });
  const sizeBytes = manifest.layers.reduce((sum, { size }) => sum + size, 0);
  await writeFile(join(staged, 'meta.json'), JSON.stringify({ config, sizeBytes }));
  await mkdir(join(directory, 'images'), { recursive: true, mode: 0o755 });
  // Somebody else may have been faster; the same digest is the same image.
  await rename(staged, home).catch(async (error: unknown) => {
    if (!(await stat(home).catch(() => undefined))) throw error;
  });
  return digest;
}

async function readMeta(
  directory: string,
  digest: string,
): Promise<{ config: ImageConfig; sizeBytes: number }> {
  return JSON.parse(await readFile(join(imageDirectory(directory, digest), 'meta.json'), 'utf8'));
}

async function writeName(directory: string, name: string, digest: string): Promise<void> {
  const path = namePath(directory, name);
  await mkdir(join(directory, 'names'), { recursive: true, mode: 0o755 });
  const draft = join(directory, 'tmp', `${randomUUID()}.name`);
  await writeFile(draft, digest);
  await rename(draft, path);
}

async function digestOfName(directory: string, name: string): Promise<string | undefined> {
  const text = await readFile(namePath(directory, name), 'utf8').catch(() => '');
  return /^sha256:[a-f0-9]{64}$/.test(text) ? text : undefined;
}

function namePath(directory: string, name: string): string {
  const escaped = encodeURIComponent(name);
  if (escaped.length <= 255) return join(directory, 'names', escaped);
  throw new ApiError(
    'BadRequest',
    `the image name ${createHash('sha256').update(name).digest('hex')} is too long`,
  );
}

function imageDirectory(directory: string, digest: string): string {
  return join(directory, 'images', digest.slice('sha256:'.length));
}

function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', ...(digest.split(':') as [string, string]));
}
