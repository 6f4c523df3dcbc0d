/** The busybox image of the tests, built once per test file and removed with its directory. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBusyboxImage } from '../../nodeagent/images/busybox-image.ts';
import { loadImage } from '../../nodeagent/images/image-load.ts';

/** Loads `busybox:latest` into `<directory>/images`, and gives that. */
export async function busyboxImages(directory: string): Promise<string> {
  const archive = join(directory, 'busybox.tar');
  const images = join(directory, 'images');
  await mkdir(images, { recursive: true });
  await buildBusyboxImage({ binary: '/bin/busybox', archive });
  await loadImage(images, archive);
  return images;
}
