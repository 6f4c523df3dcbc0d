/** Compressed archives of images: told by their first bytes, whatever their names, and unpacked within bounds. */
import { createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { ApiError } from '../../api/meta/api-error.ts';
import { formatBytes } from '../../api/meta/quantity.ts';
import { toolEnvironment } from '../command.ts';
import { freeBytes } from './disk-space.ts';

const forms = [
  { tool: 'gzip', magic: '1f8b' },
  { tool: 'zstd', magic: '28b52ffd' },
  { tool: 'xz', magic: 'fd377a585a00' },
  { tool: 'bzip2', magic: '425a68' },
] as const;

/** The archive itself, or a plain copy of it at `path`. Throws ApiError BadRequest or InsufficientStorage. */
export async function plainArchive(archive: string, path: string): Promise<string> {
  if ((await stat(archive).catch(() => undefined))?.isFile() !== true) return archive;
  const start = await firstBytes(archive);
  const form = forms.find(({ magic }) => start.startsWith(magic));
  if (!form) return archive;
  const maxBytes = (await freeBytes(path.replace(/\/[^/]*$/, ''))) / 2;
  const unpacking = execa(form.tool, ['-dc', '--', archive], {
    ...{ env: toolEnvironment, extendEnv: false, stdin: 'ignore', buffer: false, reject: false },
  });
  let bytes = 0;
  const bounded = async function* (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        throw new ApiError(
          'InsufficientStorage',
          `it unpacks to more than ${formatBytes(Math.floor(maxBytes))}`,
        );
      yield chunk;
    }
  };
  try {
    await pipeline(unpacking.stdout, bounded, createWriteStream(path, { mode: 0o600 }));
  } catch (error) {
    unpacking.kill('SIGKILL');
    throw error;
  }
  const { exitCode } = await unpacking;
  if (exitCode === 0) return path;
  throw new ApiError('BadRequest', `the archive is broken, or ${form.tool} is not installed on the node`);
}

async function firstBytes(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return buffer.toString('hex', 0, bytesRead);
  } finally {
    await file.close();
  }
}
