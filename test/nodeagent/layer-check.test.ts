/** Layers that would do harm if they were unpacked. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeHeader, padded, type TarHeader } from '../../client/tar/tar-header.ts';
import { checkLayers, type LayerLimits } from '../../nodeagent/images/layer-check.ts';

describe('a layer', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-layers-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  let count = 0;

  const entry = (header: Partial<TarHeader>, body = ''): Buffer =>
    Buffer.concat([
      encodeHeader({
        path: 'f',
        type: '0',
        mode: 0o644,
        size: body.length,
        mtime: 0,
        linkPath: '',
        ...header,
      }),
      padded(Buffer.from(body)),
    ]);
  const check = (tar: Buffer, mediaType = 'layer.tar', limits?: LayerLimits): Promise<number> => {
    const path = join(directory, `${count++}`);
    writeFileSync(path, tar);
    return checkLayers([{ mediaType, digest: `sha256:${'0'.repeat(64)}`, size: tar.length, path }], limits);
  };
  const end = Buffer.alloc(1024);

  it('with files, links, directories and set-user-id programs is fine', async () => {
    const tar = Buffer.concat([
      ...[entry({ path: 'bin/', type: '5' }), entry({ path: 'bin/su', mode: 0o4755 }, 'su')],
      ...[
        entry({ path: 'sh', type: '2', linkPath: '/bin/su' }),
        entry({ path: 'su', type: '1', linkPath: 'bin/su' }),
      ],
      ...[entry({ path: 'dev/null', type: '3' }), end],
    ]);
    expect(await check(tar)).toBe(5 * 512 + 2);
    expect(await check(gzipSync(tar), 'layer.tar+gzip')).toBe(5 * 512 + 2);
  });

  it.each([
    ['a path that leads out', { path: 'a/../../etc/passwd' }, /leads out of the image/],
    ['a hard link that leads out', { type: '1', linkPath: '../../etc/shadow' }, /to \.\.\/\.\.\/etc\/shadow/],
    ['a block device', { path: 'disk', type: '4' }, /"disk" is a device/],
    ['a character device', { path: 'mem', type: '3' }, /"mem" is a device/],
    ['a file with holes', { type: 'S' }, /holes/],
    ['a kind nobody knows', { type: 'Z' }, /nobody knows/],
  ])('with %s is refused', async (_case, header, problem) => {
    await expect(check(Buffer.concat([entry(header), end]))).rejects.toThrow(problem);
  });

  it('that is a bomb is refused, by its size and by its number of files', async () => {
    const zeros = gzipSync(Buffer.concat([entry({ size: 8 << 20 }), Buffer.alloc(8 << 20), end]));
    const limits = { maxBytes: 1 << 20, maxEntries: 100 };
    await expect(check(zeros, 'layer.tar+gzip', limits)).rejects.toThrow('unpacks to more than 1Mi');
    const many = Buffer.concat([...Array.from({ length: 101 }, () => entry({})), end]);
    await expect(check(many, 'layer.tar', limits)).rejects.toThrow('more than 100 files');
  });

  it('that is broken, cut off or compressed beyond this node is refused', async () => {
    await expect(check(Buffer.from('no archive'.repeat(100)))).rejects.toThrow('broken');
    await expect(check(gzipSync(end).subarray(0, 20), 'tar+gzip')).rejects.toThrow('refused');
    await expect(check(entry({ size: 1000 }, ''))).rejects.toThrow('ends in the middle');
    await expect(check(end, 'layer.tar+zstd')).rejects.toThrow('zstd');
  });
});
