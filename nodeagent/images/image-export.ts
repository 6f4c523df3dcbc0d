/** An image of the node as an archive, to be carried elsewhere. */
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../../api/meta/api-error.ts';
import { runCommand } from '../command.ts';
import { layoutIndex, ociManifest } from './image-manifest.ts';
import { addBlob, blobPath, findImage, inScratch, makeLayout } from './image-store.ts';
import { normalReference } from './reference.ts';

export type ArchiveFormat = 'oci-archive' | 'docker-archive';

const copyTimeoutMs = 600_000;

export interface ArchiveOrder {
  digest: string;
  format: ArchiveFormat;
  /** What the archive calls it. */
  name: string;
}

/** Calls `use` with the archive of a named image, which is gone afterwards. Throws ApiError NotFound. */
export async function exportImage(
  directory: string,
  { reference, format }: { reference: string; format: ArchiveFormat },
  use: (archive: string) => Promise<void>,
): Promise<void> {
  const image = await findImage(directory, reference);
  const name = normalReference(reference)?.replace(/@sha256:.*$/, ':saved');
  if (!image || name === undefined) throw new ApiError('NotFound', `image ${reference} is not on the node`);
  await withArchive(directory, { digest: image.digest, format, name }, use);
}

/** Calls `use` with the archive of an image that is here, which is gone afterwards. Throws ApiError Gone. */
export async function withArchive(
  directory: string,
  { digest, format, name }: ArchiveOrder,
  use: (archive: string) => Promise<void>,
): Promise<void> {
  await access(blobPath(directory, digest)).catch(() => {
    throw new ApiError('Gone', `the layers of image ${name} were not kept: load it again first`);
  });
  await inScratch(directory, async (scratch) => {
    const layout = join(scratch, 'layout');
    await makeLayout(directory, layout);
    const manifest = ociManifest(await readFile(blobPath(directory, digest)));
    const index = layoutIndex(manifest);
    await addBlob(directory, manifest, index.manifests[0].digest);
    await writeFile(join(layout, 'index.json'), JSON.stringify(index));
    const archive = join(scratch, 'archive.tar');
    const copy = ['copy', '--quiet', `oci:${layout}:image`, `${format}:${archive}:${name}`];
    await runCommand('skopeo', copy, { timeoutMs: copyTimeoutMs });
    await use(archive);
  });
}
