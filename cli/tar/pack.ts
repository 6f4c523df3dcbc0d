/** Packs a file or directory of this machine into a tar archive, entry by entry, as it is read. */
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../../api/meta/api-error.ts';
import { blockBytes, encodeHeader, paddingOf } from '../../client/tar/tar-header.ts';

/** `source` becomes the entry `name`. What is neither file, directory nor link is told to `onSkip`. */
export async function* packTar(
  source: string,
  name: string,
  onSkip: (message: string) => void,
): AsyncGenerator<Buffer> {
  yield* entryOf(source, name, onSkip);
  yield Buffer.alloc(2 * blockBytes);
}

async function* entryOf(
  source: string,
  path: string,
  onSkip: (message: string) => void,
): AsyncGenerator<Buffer> {
  const state = await lstat(source);
  const header = { path, mode: state.mode & 0o777, size: 0, mtime: state.mtimeMs / 1000, linkPath: '' };
  if (state.isDirectory()) {
    yield encodeHeader({ ...header, path: `${path}/`, type: '5' });
    for (const name of (await readdir(source)).sort())
      yield* entryOf(join(source, name), `${path}/${name}`, onSkip);
  } else if (state.isSymbolicLink()) {
    yield encodeHeader({ ...header, type: '2', linkPath: await readlink(source) });
  } else if (state.isFile()) {
    yield encodeHeader({ ...header, type: '0', size: state.size });
    yield* bodyOf(source, state.size);
  } else {
    onSkip(`left out ${source}: neither a file, a directory nor a symbolic link`);
  }
}

/** Exactly as many bytes as the header promised, also of a file that grows. */
async function* bodyOf(source: string, size: number): AsyncGenerator<Buffer> {
  if (size === 0) return;
  let sent = 0;
  for await (const chunk of createReadStream(source, { end: size - 1 }) as AsyncIterable<Buffer>) {
    sent += chunk.length;
    yield chunk;
  }
  if (sent < size) throw new ApiError('Conflict', `${source} became shorter while it was read`);
  yield Buffer.alloc(paddingOf(size));
}
