/**
 * The image cache that the nodes of a local cluster share. A busybox image made of the machine's own
 * busybox is put there by `up`, so that examples run without a registry.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { buildBusyboxImage } from '../nodeagent/images/busybox-image.ts';
import { loadImage } from '../nodeagent/images/image-load.ts';
import { findImage } from '../nodeagent/images/image-store.ts';
import type { ClusterHome } from './cluster-home.ts';

const busyboxBinaries = ['/bin/busybox', '/usr/bin/busybox'];

export async function prepareImages(home: ClusterHome): Promise<void> {
  const binary = busyboxBinaries.find((file) => existsSync(file));
  if (!binary || (await findImage(home.images, 'busybox'))) return;
  const archive = home.path('busybox.tar');
  await buildBusyboxImage({ binary, archive });
  await loadImage(home.images, archive);
  await rm(archive, { force: true });
}
