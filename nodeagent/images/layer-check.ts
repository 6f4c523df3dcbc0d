/**
 * Looks through the layers of an image before anything of them is written: what leads out of the image, is a
 * device of the machine, or grows without bound is refused here, with the name of the entry.
 *
 * Absolute paths, and whatever a symbolic link names, are meant inside the image: unpacking never leaves it.
 * Set-user-id bits stay as they are: containers run with no-new-privileges, so they give nobody anything.
 */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { ApiError, asApiError } from '../../api/meta/api-error.ts';
import { formatBytes } from '../../api/meta/quantity.ts';
import type { TarHeader } from '../../client/tar/tar-header.ts';
import { readTar } from '../../client/tar/tar-reader.ts';
import type { Descriptor } from './image-manifest.ts';

export interface LayerLimits {
  /** Of all layers together, unpacked. */
  maxBytes: number;
  maxEntries: number;
}

const defaultLimits: LayerLimits = { maxBytes: 64 * 1024 ** 3, maxEntries: 2_000_000 };
/** What a file takes on the disk besides its content. */
const entryBytes = 512;

/** Gives how many bytes the layers unpack to. Throws ApiError BadRequest. */
export async function checkLayers(
  layers: readonly (Descriptor & { path: string })[],
  limits: LayerLimits = defaultLimits,
): Promise<number> {
  let [bytes, entries] = [0, 0];
  for (const { mediaType, digest, path } of layers) {
    try {
      for await (const entry of readTar(layerBytes(path, mediaType))) {
        const problem = entryProblem(entry);
        if (problem !== undefined) throw refused(`${JSON.stringify(entry.path)} ${problem}`);
        bytes += entryBytes + ('07'.includes(entry.type) ? entry.size : 0);
        entries++;
        if (bytes > limits.maxBytes) throw refused(`it unpacks to more than ${formatBytes(limits.maxBytes)}`);
        if (entries > limits.maxEntries) throw refused(`it has more than ${limits.maxEntries} files`);
      }
    } catch (error) {
      const { message } = asApiError(error);
      throw new ApiError('BadRequest', `layer ${digest.slice(0, 19)} is refused: ${message}`);
    }
  }
  return bytes;
}

async function* layerBytes(path: string, mediaType: string): AsyncGenerator<Buffer> {
  if (mediaType.endsWith('zstd')) throw refused('it is compressed with zstd, which this node cannot unpack');
  const file = createReadStream(path);
  if (!mediaType.endsWith('gzip')) return yield* file;
  const gunzip = createGunzip();
  file.once('error', (error) => gunzip.destroy(error));
  try {
    yield* file.pipe(gunzip);
  } finally {
    file.destroy();
  }
}

function entryProblem({ path, type, linkPath }: TarHeader): string | undefined {
  if (leadsUp(path)) return 'leads out of the image';
  if (type === '1' && leadsUp(linkPath)) return `is a link that leads out of the image, to ${linkPath}`;
  if (type === '3' || type === '4')
    // What lies in /dev is hidden by the container's own.
    return /^(\.\/)?dev\//.test(path) ? undefined : 'is a device';
  if (type === 'S') return 'is a file with holes';
  if (!'012567'.includes(type)) return `is of a kind nobody knows (${JSON.stringify(type)})`;
  return undefined;
}

function leadsUp(path: string): boolean {
  return path.split('/').includes('..');
}

function refused(problem: string): ApiError {
  return new ApiError('BadRequest', problem);
}
