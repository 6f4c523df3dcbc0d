import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../../api/meta/api-error.ts';
import { extractTar } from '../../../cli/tar/extract.ts';
import { packTar } from '../../../cli/tar/pack.ts';
import { encodeHeader, padded, type TarHeader } from '../../../client/tar/tar-header.ts';

const scratch = mkdtempSync(join(tmpdir(), 'gantry-tar-'));
let [here, there, count] = ['', '', 0];
beforeEach(() => {
  const directory = join(scratch, String(count++));
  [here, there] = [join(directory, 'here'), join(directory, 'there')];
  mkdirSync(here, { recursive: true });
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const silent = (): void => {};

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function packed(source: string, name: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of packTar(source, name, silent)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function archiveOf(...entries: (Partial<TarHeader> & { path: string; body?: string })[]): Buffer {
  const blocks = entries.flatMap(({ body = '', ...header }) => [
    encodeHeader({
      type: '0',
      mode: 0o644,
      size: Buffer.byteLength(body),
      mtime: 0,
      linkPath: '',
      ...header,
    }),
    padded(Buffer.from(body)),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Every path below `directory` with what it is. */
function treeOf(directory: string, prefix = ''): string[] {
  return readdirSync(join(directory, prefix)).flatMap((name) => {
    const path = join(prefix, name);
    const state = lstatSync(join(directory, path));
    if (state.isDirectory()) return [`${path}/`, ...treeOf(directory, path)];
    if (state.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(directory, path))}`];
    const hash = createHash('sha256')
      .update(readFileSync(join(directory, path)))
      .digest('hex');
    return [`${path} ${(state.mode & 0o777).toString(8)} ${hash}`];
  });
}

function fill(directory: string): void {
  const long = join(directory, 'a'.repeat(90), 'b'.repeat(90));
  mkdirSync(long, { recursive: true });
  writeFileSync(join(long, 'c'.repeat(120)), 'deep');
  writeFileSync(join(directory, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(directory, 'empty'), '');
  writeFileSync(join(directory, 'ümläut file'), randomBytes(100_000));
  symlinkSync('run.sh', join(directory, 'link'));
}

describe('an archive', () => {
  it.each([1, 511, 512, 65_536])('comes back as it was, read in pieces of %d bytes', async (size) => {
    fill(here);
    const archive = await packed(here, 'data');
    await extractTar(cut(size === 1 ? archive.subarray(0) : archive, Math.max(size, 7)), {
      from: 'data',
      to: there,
      onSkip: silent,
    });
    expect(treeOf(there)).toEqual(treeOf(here));
  });

  it('of ours is read by tar, and one of tar by us', async () => {
    fill(here);
    mkdirSync(there);
    execFileSync('tar', ['xf', '-', '-C', there], { input: await packed(here, 'data') });
    expect(treeOf(join(there, 'data'))).toEqual(treeOf(here));
    for (const format of ['gnu', 'pax']) {
      const archive = execFileSync(
        'tar',
        [`--format=${format}`, '-cf', '-', '-C', join(there, 'data'), '.'],
        {
          maxBuffer: 10_000_000,
        },
      );
      const to = `${there}-${format}`;
      await extractTar(cut(archive, 4096), { from: '.', to, onSkip: silent });
      expect(treeOf(to)).toEqual(treeOf(here));
    }
  });

  it('replaces files and links that are there, and writes through none', async () => {
    const outside = join(here, 'outside');
    writeFileSync(outside, 'mine');
    mkdirSync(there);
    symlinkSync(outside, join(there, 'file'));
    await extractTar(cut(archiveOf({ path: 'x/file', body: 'theirs' }), 512), {
      from: 'x',
      to: there,
      onSkip: silent,
    });
    expect(readFileSync(outside, 'utf8')).toBe('mine');
    expect(readFileSync(join(there, 'file'), 'utf8')).toBe('theirs');
  });

  it('leaves out devices and hard links, and says so', async () => {
    const skipped: string[] = [];
    const archive = archiveOf(
      { path: 'x/disk', type: '4' },
      { path: 'x/hard', type: '1', linkPath: '/etc/passwd' },
    );
    await extractTar(cut(archive, 512), { from: 'x', to: there, onSkip: (message) => skipped.push(message) });
    expect(skipped).toHaveLength(2);
    expect(existsSync(join(there, 'disk')) || existsSync(join(there, 'hard'))).toBe(false);
  });

  it.each<[string, (Partial<TarHeader> & { path: string; body?: string })[]]>([
    ['climbs', [{ path: 'x/../../evil', body: 'x' }]],
    ['begins with a climb', [{ path: '../evil', body: 'x' }]],
    ['is absolute', [{ path: '/tmp/evil', body: 'x' }]],
    ['is beside what was asked for', [{ path: 'y/evil', body: 'x' }]],
    ['links to an absolute path', [{ path: 'x/l', type: '2', linkPath: '/etc' }]],
    ['links out', [{ path: 'x/a/l', type: '2', linkPath: '../../out' }]],
    ['is itself a link', [{ path: 'x', type: '2', linkPath: 'y' }]],
    [
      'goes through a link',
      [
        { path: 'x/inside/', type: '5' },
        { path: 'x/l', type: '2', linkPath: 'inside' },
        { path: 'x/l/evil', body: 'x' },
      ],
    ],
    [
      'goes through two links that lead out together',
      [
        { path: 'x/a/', type: '5' },
        { path: 'x/a/up', type: '2', linkPath: '..' },
        { path: 'x/out', type: '2', linkPath: 'a/up/..' },
        { path: 'x/out/evil', body: 'x' },
      ],
    ],
  ])('is refused when a name %s', async (_case, entries) => {
    await expect(
      extractTar(cut(archiveOf(...entries), 512), { from: 'x', to: there, onSkip: silent }),
    ).rejects.toMatchObject({ reason: 'BadRequest' });
    expect(existsSync(join(there, '..', 'evil')) || existsSync('/tmp/evil')).toBe(false);
  });

  it.each([
    ['cut off in a header', archiveOf({ path: 'x', body: 'hello' }).subarray(0, 300)],
    ['cut off in a file', archiveOf({ path: 'x', body: 'hello' }).subarray(0, 514)],
    ['noise', randomBytes(2048)],
    [
      'of a name without end',
      encodeHeader({ path: 'x', type: 'L', size: 2 ** 32, mode: 0, mtime: 0, linkPath: '' }),
    ],
  ])('is refused when it is %s', async (_case, bytes) => {
    await expect(extractTar(cut(bytes, 100), { from: 'x', to: there, onSkip: silent })).rejects.toMatchObject(
      { reason: 'BadRequest' },
    );
  });

  it('never writes outside its target, whatever bytes come', async () => {
    const name = fc.constantFrom('x', 'x/a', 'x/a/b', 'x/l', 'x/l/c', '../x', '/x', 'x/../y', 'x/.', 'x//a');
    const entry = fc.record({
      path: name,
      type: fc.constantFrom('0', '1', '2', '5', 'x', 'L', '9'),
      linkPath: fc.constantFrom('', 'a', '..', '../..', '/tmp', 'a/../..', './a'),
      body: fc.string({ maxLength: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 5 }), fc.nat({ max: 5000 }), async (entries, flip) => {
        const root = mkdtempSync(join(scratch, 'fuzz-'));
        const bytes = archiveOf(...entries);
        if (flip < bytes.length) bytes[flip] = (bytes[flip] ?? 0) ^ 0x55;
        try {
          await extractTar(cut(bytes, 333), { from: 'x', to: join(root, 'to'), onSkip: silent });
        } catch (error) {
          const known = error instanceof ApiError || 'code' in (error as object);
          expect(known, String(error)).toBe(true);
        }
        expect(readdirSync(root).filter((each) => each !== 'to')).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
