/**
 * Gives other nodes what images are made of, by digest: `GET /blobs/<digest>`. Only what belongs to an image that
 * everybody on this node may use; what a tenant pulled with a login of his own is got from the registry, which
 * asks for it.
 */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { isDigest } from '../../api/kinds/image-digest.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { readAccess } from './image-access.ts';
import { parseManifest } from './image-manifest.ts';
import { blobPath, listImages } from './image-store.ts';

/** The node has work of its own: who is refused asks elsewhere. */
const uploadsAtOnce = 4;

export class BlobUploads {
  readonly #directory: string;
  #underWay = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Throws ApiError BadRequest, NotFound or TooManyRequests. */
  async send(digest: string, response: ServerResponse): Promise<void> {
    if (!isDigest(digest)) throw new ApiError('BadRequest', 'a blob is asked for by its sha256 digest');
    if (this.#underWay >= uploadsAtOnce)
      throw new ApiError('TooManyRequests', 'this node sends as many blobs as it can at once');
    this.#underWay++;
    try {
      const path = blobPath(this.#directory, digest);
      const file = (await this.#isOpen(digest)) ? await stat(path).catch(() => undefined) : undefined;
      if (!file) throw new ApiError('NotFound', `no image of this node that is for everybody has ${digest}`);
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': file.size });
      await pipeline(createReadStream(path), response);
    } finally {
      this.#underWay--;
    }
  }

  async #isOpen(digest: string): Promise<boolean> {
    for (const image of await listImages(this.#directory)) {
      const manifest = await readFile(blobPath(this.#directory, image.digest)).catch(() => undefined);
      if (!manifest) continue;
      const { config, layers } = parseManifest(manifest);
      if (![config, ...layers].some((blob) => blob.digest === digest)) continue;
      if ((await readAccess(this.#directory, image.digest)) === 'everybody') return true;
    }
    return false;
  }
}
