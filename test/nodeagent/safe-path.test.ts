import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowedRealPath, parseAllowedPaths } from '../../nodeagent/volumes/host-path.ts';
import { handlePath, openBelow } from '../../nodeagent/volumes/safe-path.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gantry-paths-'));
  await mkdir(join(root, 'volume/inner'), { recursive: true });
  await mkdir(join(root, 'outside'));
  await writeFile(join(root, 'volume/inner/file'), 'inside');
  await writeFile(join(root, 'outside/secret'), 'outside');
  await symlink('../outside', join(root, 'volume/link'));
  await symlink('/etc/passwd', join(root, 'volume/inner/passwd'));
  await symlink('inner', join(root, 'volume/harmless'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('openBelow', () => {
  const open = async (path: string, create = false): Promise<string> => {
    const handle = await openBelow(join(root, 'volume'), path, { create });
    try {
      return await readlink(handlePath(handle));
    } finally {
      await handle.close();
    }
  };

  it('opens files and directories below', async () => {
    expect(await open('inner')).toBe(join(root, 'volume/inner'));
    expect(await open('./inner//file')).toBe(join(root, 'volume/inner/file'));
  });

  it.each([
    ['a link out', 'link/secret'],
    ['a link at the end', 'inner/passwd'],
    ['a link that stays inside', 'harmless/file'],
    ['two dots', '../outside'],
    ['two dots in the middle', 'inner/../../outside'],
    ['a file as a directory', 'inner/file/x'],
    ['what is not there', 'nothing'],
  ])('refuses %s', async (_what, path) => {
    await expect(open(path)).rejects.toThrow();
  });

  it('makes missing directories, and none behind a link', async () => {
    expect(await open('new/deep', true)).toBe(join(root, 'volume/new/deep'));
    await expect(open('link/new', true)).rejects.toThrow();
    await expect(readFile(join(root, 'outside/new'))).rejects.toThrow();
  });

  it('keeps hold of a file whose path is swapped for a link afterwards', async () => {
    await mkdir(join(root, 'volume/swapped'));
    await writeFile(join(root, 'volume/swapped/secret'), 'own');
    const handle = await openBelow(join(root, 'volume'), 'swapped');
    await rm(join(root, 'volume/swapped/secret'));
    await rm(join(root, 'volume/swapped'), { recursive: true });
    await symlink('../outside', join(root, 'volume/swapped'));
    await expect(readFile(`${handlePath(handle)}/secret`)).rejects.toThrow(/ENOENT/);
    await handle.close();
  });
});

describe('the allow-list of host paths', () => {
  it('is read from the flag', () => {
    expect(parseAllowedPaths('')).toEqual([]);
    expect(parseAllowedPaths('/data,/scratch/:rw')).toEqual([
      { path: '/data', writable: false },
      { path: '/scratch', writable: true },
    ]);
    expect(parseAllowedPaths('data')).toBeUndefined();
  });

  const allow = (path: string, readOnly: boolean, ...entries: [string, boolean][]) =>
    allowedRealPath(
      join(root, path),
      readOnly,
      entries.map(([entry, writable]) => ({ path: join(root, entry), writable })),
    );

  it('allows what is below an entry, to be read, or written where that is said', async () => {
    expect(await allow('volume/inner', true, ['volume', false])).toBe(join(root, 'volume/inner'));
    expect(await allow('volume', false, ['volume', true])).toBe(join(root, 'volume'));
    await expect(allow('volume', false, ['volume', false])).rejects.toThrow(/only be read/);
  });

  it('goes by the most exact entry', async () => {
    await expect(allow('volume/inner', false, ['', true], ['volume/inner', false])).rejects.toThrow(
      /only be read/,
    );
  });

  it.each(['outside', 'volume/link', 'volume/nothing', 'volume-too'])('refuses %s', async (path) => {
    await expect(allow(path, true, ['volume', true])).rejects.toThrow(/not there or not allowed/);
  });

  it('allows nothing when it is empty', async () => {
    await expect(allow('volume', true)).rejects.toThrow(/not allowed/);
  });
});
