/**
 * What administrators may ask of a node's images, over the agent's own port:
 *
 *   GET /images                        what is here, how large, and who uses it
 *   PUT /images?name=…                 take in the archive that is the body
 *   GET /images/archive?reference=…    one image as an archive
 *   POST /images/pull?reference=…      pull it, as the node itself
 *   POST /images/prune                 remove what nothing uses
 */
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '../../api/meta/api-error.ts';
import type { ImageCollector } from './image-collector.ts';
import { exportImage } from './image-export.ts';
import { loadImage } from './image-load.ts';
import type { ImagePuller } from './image-puller.ts';
import { findImage, listImages } from './image-store.ts';
import { writeWhole } from './whole-file.ts';

/** A use of an image: `namespace/task`, and the reference it is used by. */
export interface ImageUse {
  user: string;
  reference: string;
}

export interface ImageRequestsOptions {
  directory: string;
  puller: Pick<ImagePuller, 'pull'>;
  collector: Pick<ImageCollector, 'prune'>;
  uses: () => ImageUse[];
  onChange: () => void;
}

export class ImageRequests {
  readonly #options: ImageRequestsOptions;

  constructor(options: ImageRequestsOptions) {
    this.#options = options;
  }

  /** `route`: `GET /images`, `POST /images/pull`, … Throws ApiError. */
  async answer(
    route: string,
    {
      query,
      request,
      response,
    }: { query: URLSearchParams; request: IncomingMessage; response: ServerResponse },
  ): Promise<void> {
    const { directory, puller, collector, onChange } = this.#options;
    const reference = query.get('reference') ?? '';
    switch (route) {
      case 'GET /images':
        return send(response, { store: await storeId(directory), items: await this.#list() });
      case 'PUT /images':
        return send(response, { items: await this.#load(request, query.get('name') ?? undefined) });
      case 'GET /images/archive': {
        const format = query.get('format') === 'docker-archive' ? 'docker-archive' : 'oci-archive';
        return exportImage(directory, { reference, format }, async (archive) => {
          response.writeHead(200, { 'content-type': 'application/x-tar' });
          await pipeline(createReadStream(archive), response);
        });
      }
      case 'POST /images/pull':
        send(response, await puller.pull(reference));
        return onChange();
      case 'POST /images/prune':
        send(response, await collector.prune());
        return onChange();
      default:
        throw new ApiError('NotFound', `no such path on a node agent: ${route}`);
    }
  }

  async #list() {
    const { directory, uses } = this.#options;
    const images = await listImages(directory);
    const users = new Map<string, Set<string>>();
    for (const { user, reference } of uses()) {
      const digest = (await findImage(directory, reference))?.digest ?? '';
      users.set(digest, (users.get(digest) ?? new Set()).add(user));
    }
    return images.map((image) => ({ ...image, users: [...(users.get(image.digest) ?? [])].sort() }));
  }

  async #load(request: IncomingMessage, name: string | undefined) {
    const { directory, onChange } = this.#options;
    const uploads = join(directory, 'tmp');
    const archive = join(uploads, `${randomUUID()}.tar`);
    await mkdir(uploads, { recursive: true, mode: 0o755 });
    try {
      await pipeline(request, createWriteStream(archive, { mode: 0o600 }));
      const items = await loadImage(directory, archive, name);
      onChange();
      return items;
    } finally {
      await rm(archive, { force: true });
    }
  }
}

/** Agents of one machine may share a store: who asks them all learns by this which do. */
async function storeId(directory: string): Promise<string> {
  const path = join(directory, 'store-id');
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  await writeWhole(directory, path, randomUUID());
  return readFile(path, 'utf8');
}

function send(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
