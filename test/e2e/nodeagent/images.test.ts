import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { encodeHeader, padded } from '../../../client/tar/tar-header.ts';
import { runCommand } from '../../../nodeagent/command.ts';
import { buildBusyboxImage } from '../../../nodeagent/images/busybox-image.ts';
import { collectImages } from '../../../nodeagent/images/image-collection.ts';
import { loadImage } from '../../../nodeagent/images/image-load.ts';
import { type Descriptor, sha256 } from '../../../nodeagent/images/image-manifest.ts';
import { findImage, listImages, touchImage } from '../../../nodeagent/images/image-store.ts';
import { preloadImages } from '../../../nodeagent/images/preload.ts';

describe('images on a node', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gantry-images-'));
  const oci = join(directory, 'oci.tar');
  const docker = join(directory, 'docker: odd name.tar');
  const layout = join(directory, 'layout');
  const fresh = (): string => mkdtempSync(join(directory, 'store-'));

  beforeAll(async () => {
    await buildBusyboxImage({ binary: '/bin/busybox', archive: oci });
    const plain = join(directory, 'docker.tar');
    await runCommand('skopeo', ['copy', `oci-archive:${oci}`, `docker-archive:${plain}:team/box:1`]);
    await runCommand('mv', [plain, docker]);
    await runCommand('skopeo', ['copy', `oci-archive:${oci}`, `oci:${layout}:box:2`]);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it.each([
    ['an OCI archive', () => oci, 'busybox:latest'],
    ['a Docker archive, in a file with a colon', () => docker, 'team/box:1'],
    ['an OCI layout directory', () => layout, 'box:2'],
  ])('come from %s', async (_form, archive, name) => {
    const store = fresh();
    const [loaded] = await loadImage(store, archive());
    expect(loaded).toMatchObject({ names: [name], digest: expect.stringMatching(/^sha256:/) });
    expect(await findImage(store, name)).toMatchObject({ digest: loaded?.digest, config: { Cmd: ['sh'] } });
    expect(readdirSync(join(store, 'tmp'))).toEqual([]);
  });

  it('are found under every spelling of their name, and by digest', async () => {
    const store = fresh();
    const [loaded] = await loadImage(store, oci);
    for (const name of ['busybox', 'docker.io/library/busybox:latest', `any@${loaded?.digest}`])
      expect(await findImage(store, name)).toBeDefined();
    expect(await findImage(store, 'busybox:2')).toBeUndefined();
    expect(await findImage(store, '../../etc')).toBeUndefined();
  });

  it('are unpacked once, whatever they are called and however many load them at once', async () => {
    const store = fresh();
    await Promise.all(['a', 'b', 'b'].map((name) => loadImage(store, oci, name)));
    expect(readdirSync(join(store, 'images'))).toHaveLength(1);
    expect((await listImages(store)).map(({ names }) => names)).toEqual([['a:latest', 'b:latest']]);
  });

  it.each([
    ['no archive', 'hello'],
    ['nothing', ''],
  ])('do not come from %s, and nothing is left of the attempt', async (_case, text) => {
    const store = fresh();
    const file = join(directory, 'broken.tar');
    writeFileSync(file, text);
    await expect(loadImage(store, file)).rejects.toMatchObject({ reason: 'BadRequest' });
    await expect(loadImage(store, '/nonexistent')).rejects.toMatchObject({ reason: 'BadRequest' });
    expect(readdirSync(join(store, 'tmp'))).toEqual([]);
    expect(await listImages(store)).toEqual([]);
  });

  it.each(['gzip', 'zstd', 'xz', 'bzip2'])('come from an archive compressed with %s', async (tool) => {
    const packed = join(directory, `packed-${tool}`);
    await runCommand('cp', [oci, packed]);
    await runCommand(tool, [packed]);
    const extension = { gzip: 'gz', zstd: 'zst', xz: 'xz', bzip2: 'bz2' }[tool];
    const store = fresh();
    await loadImage(store, `${packed}.${extension}`);
    expect(await findImage(store, 'busybox')).toBeDefined();
  });

  it('go in the order they were last used in, except those in use, preloaded or just used', async () => {
    const store = fresh();
    const digests: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      await buildBusyboxImage({ binary: '/bin/busybox', archive: oci, name });
      const [image] = await loadImage(store, oci);
      digests.push(image?.digest ?? '');
    }
    const preload = join(directory, 'preload');
    mkdirSync(preload, { recursive: true });
    await buildBusyboxImage({ binary: '/bin/busybox', archive: join(preload, 'p.tar'), name: 'p' });
    await preloadImages(store, preload, silentLogger);
    const nowMs = systemClock.now();
    for (const [index, digest] of digests.entries()) await touchImage(store, digest, nowMs - 600_000 + index);
    await touchImage(store, digests[3] ?? '', nowMs);
    const inUse = new Set([digests[0] ?? '']);
    const collect = (bytes?: number) =>
      collectImages(store, { nowMs, inUse, minAgeMs: 120_000, ...(bytes === undefined ? {} : { bytes }) });
    expect((await collect(1)).removed.map(({ names }) => names)).toEqual([['b:latest']]);
    expect((await collect()).removed.map(({ names }) => names)).toEqual([['c:latest']]);
    expect((await listImages(store)).map(({ names }) => names)).toEqual([
      ['a:latest'],
      ['d:latest'],
      ['p:latest'],
    ]);
    expect(await findImage(store, 'b')).toBeUndefined();
  });

  it('leave no blob and no name behind, also when an earlier removal was cut short', async () => {
    const store = fresh();
    const [image] = await loadImage(store, oci, 'gone');
    await runCommand('rm', ['-r', join(store, 'images', image?.digest.slice(7) ?? '')]);
    const later = systemClock.now() + 7_200_000;
    await collectImages(store, { nowMs: later, inUse: new Set(), minAgeMs: 0 });
    for (const kind of ['images', 'names', 'tmp', 'blobs/sha256'])
      expect(readdirSync(join(store, kind))).toEqual([]);
  });

  it('never leave their own directory when they are unpacked, by links or absolute paths', async () => {
    const outside = join(directory, 'outside');
    mkdirSync(outside);
    const file = (path: string, body: string): Buffer =>
      Buffer.concat([
        encodeHeader({ path, type: '0', mode: 0o4755, size: body.length, mtime: 0, linkPath: '' }),
        padded(Buffer.from(body)),
      ]);
    const link = { path: 'way', type: '2', mode: 0o777, size: 0, mtime: 0, linkPath: outside };
    const layer = Buffer.concat([
      ...[encodeHeader(link), file('way/in', 'through the link')],
      ...[file(join(outside, 'absolute'), 'by its path'), Buffer.alloc(1024)],
    ]);
    const store = fresh();
    await loadImage(store, writeLayout(join(directory, 'evil'), layer), 'evil');
    expect(readdirSync(outside)).toEqual([]);
    const rootfs = (await findImage(store, 'evil'))?.rootfs ?? '';
    expect(readdirSync(join(rootfs, outside)).sort()).toEqual(['absolute', 'in']);
  });

  it('with a device or a path that leads out are refused, and nothing is left of them', async () => {
    const store = fresh();
    for (const bad of [{ type: '4' }, { path: '../../escaped' }]) {
      const header = { path: 'disk', type: '0', mode: 0o666, size: 0, mtime: 0, linkPath: '', ...bad };
      const layer = Buffer.concat([encodeHeader(header), Buffer.alloc(1024)]);
      const layout = writeLayout(join(directory, `bad-${header.type}`), layer);
      await expect(loadImage(store, layout, 'bad')).rejects.toThrow(/is a device|leads out of the image/);
    }
    expect(await listImages(store)).toEqual([]);
    expect(readdirSync(join(store, 'tmp'))).toEqual([]);
  });

  it('refuse a name that is none', async () => {
    await expect(loadImage(fresh(), oci, '--help')).rejects.toMatchObject({ reason: 'BadRequest' });
  });
});

/** An OCI layout of one layer, written by hand. */
function writeLayout(path: string, layer: Buffer): string {
  const blobs = join(path, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = sha256(bytes);
    writeFileSync(join(blobs, digest.slice(7)), bytes);
    return { mediaType: `application/vnd.oci.image.${mediaType}`, digest, size: bytes.length };
  };
  const layers = [blob('layer.v1.tar', layer)];
  const diffIds = { type: 'layers', diff_ids: [layers[0]?.digest] };
  const config = { architecture: 'amd64', os: 'linux', config: {}, rootfs: diffIds };
  const described = blob('config.v1+json', Buffer.from(JSON.stringify(config)));
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: described, layers }));
  const index = { schemaVersion: 2, manifests: [blob('manifest.v1+json', manifest)] };
  writeFileSync(join(path, 'index.json'), JSON.stringify(index));
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return path;
}
