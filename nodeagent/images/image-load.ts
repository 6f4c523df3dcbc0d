/** Images out of archives: `docker save`'s, OCI archives, both compressed as well, and OCI layout directories. */
import { readFile, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runCommand } from '../command.ts';
import { archiveContents } from './archive.ts';
import { plainArchive } from './archive-form.ts';
import { makePublic } from './image-access.ts';
import { type Image, inScratch, listImages, makeLayout, unpackImage, writeName } from './image-store.ts';

const copyTimeoutMs = 600_000;

/**
 * Takes in every image of an archive (docker-archive, oci-archive) or OCI layout directory, under its own
 * names, or `name` when it holds one. Throws ApiError BadRequest when it is no such archive.
 */
export function loadImage(directory: string, archive: string, name?: string): Promise<Image[]> {
  return inScratch(directory, async (scratch) => {
    // skopeo splits its argument at colons: it must never see the caller's path.
    const source = join(scratch, 'archive');
    await symlink(await plainArchive(resolve(archive), join(scratch, 'plain')), source);
    const contents = await archiveContents(source, name);
    const loaded = new Map<string, string[]>();
    for (const [index, image] of contents.entries()) {
      const layout = join(scratch, `layout-${index}`);
      await makeLayout(directory, layout);
      const copy = ['copy', '--quiet', image.source, `oci:${layout}:image`];
      await runCommand('skopeo', copy, { timeoutMs: copyTimeoutMs });
      const { manifests } = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
      const digest: string = manifests[0].digest;
      await unpackImage(directory, digest, scratch);
      await makePublic(directory, digest);
      for (const each of image.names) await writeName(directory, each, { digest, origin: 'loaded' });
      loaded.set(digest, [...(loaded.get(digest) ?? []), ...image.names]);
    }
    const known = await listImages(directory);
    return [...loaded].map(([digest, names]) => {
      const sizeBytes = known.find((image) => image.digest === digest)?.sizeBytes ?? 0;
      return { names, digest, sizeBytes };
    });
  });
}
