/**
 * The image cache that the nodes of a local cluster share. A busybox image made of the machine's own
 * busybox is put there by `up`, so that examples run without a registry.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { ApiError, asApiError } from '../api/meta/api-error.ts';
import { formatBytes } from '../api/meta/quantity.ts';
import { buildBusyboxImage } from '../nodeagent/images/busybox-image.ts';
import { loadImage } from '../nodeagent/images/image-load.ts';
import { findImage, type Image, listImages } from '../nodeagent/images/image-store.ts';
import { type ClusterHome, readRecord } from './cluster-home.ts';
import { printColumns } from './columns.ts';
import type { Output } from './options.ts';

const busyboxBinaries = ['/bin/busybox', '/usr/bin/busybox'];

export async function prepareImages(home: ClusterHome): Promise<void> {
  const binary = busyboxBinaries.find((file) => existsSync(file));
  if (!binary || (await findImage(home.images, 'busybox'))) return;
  const archive = home.path('busybox.tar');
  await buildBusyboxImage({ binary, archive });
  await loadImage(home.images, archive);
  await rm(archive, { force: true });
}

export async function loadImages(
  home: ClusterHome,
  archives: readonly string[],
  output: Output,
): Promise<number> {
  await requireCluster(home);
  for (const archive of archives) {
    for (const { names, digest } of await loadArchive(home, archive)) {
      output.out(`${names.join(', ')} loaded (${digest.slice(0, 19)})\n`);
    }
  }
  return 0;
}

async function loadArchive(home: ClusterHome, archive: string): Promise<Image[]> {
  try {
    return await loadImage(home.images, archive);
  } catch (error) {
    const { reason, message, details } = asApiError(error);
    throw new ApiError(reason, `${archive}: ${message}`, details, error);
  }
}

export async function printImages(home: ClusterHome, output: Output): Promise<number> {
  await requireCluster(home);
  const images = await listImages(home.images);
  const rows = images.map(({ names, digest, sizeBytes }) => [
    names.join(','),
    digest.slice(0, 19),
    formatBytes(sizeBytes),
  ]);
  printColumns([['IMAGE', 'DIGEST', 'SIZE'], ...rows], output);
  return 0;
}

async function requireCluster(home: ClusterHome): Promise<void> {
  if (!(await readRecord(home)))
    throw new ApiError('NotFound', `there is no cluster ${home.name} in ${home.directory}`);
}
