import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../../nodeagent/command.ts';
import { buildBusyboxImage } from '../../../nodeagent/images/busybox-image.ts';
import { loadImage } from '../../../nodeagent/images/image-load.ts';
import { findImage, listImages } from '../../../nodeagent/images/image-store.ts';

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

  it('refuse a name that is none', async () => {
    await expect(loadImage(fresh(), oci, '--help')).rejects.toMatchObject({ reason: 'BadRequest' });
  });
});
