/** Room on the disk that images are kept on. */
import { statfs } from 'node:fs/promises';
import { ApiError } from '../../api/meta/api-error.ts';
import { formatBytes } from '../../api/meta/quantity.ts';

/** Frees space for images, if that can be done. */
export type MakeRoom = (bytes: number) => Promise<unknown>;

/** Throws ApiError InsufficientStorage. */
export async function requireSpace(directory: string, bytes: number, makeRoom?: MakeRoom): Promise<void> {
  if ((await freeBytes(directory)) >= bytes) return;
  await makeRoom?.(bytes);
  const free = await freeBytes(directory);
  if (free < bytes) throw noSpace(bytes, free);
}

export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

export function noSpace(bytes: number, free: number): ApiError {
  return new ApiError(
    'InsufficientStorage',
    `the image needs about ${formatBytes(bytes)} on the node's disk, ${formatBytes(free)} are free`,
  );
}
