/** Small files of the image store, replaced whole: a reader sees the old or the new one. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** `directory`: the image store, on whose file system the draft is written. */
export async function writeWhole(directory: string, path: string, content: string | Buffer): Promise<void> {
  const drafts = join(directory, 'tmp');
  await mkdir(drafts, { recursive: true, mode: 0o755 });
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const draft = join(drafts, `${randomUUID()}.part`);
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, path);
}
