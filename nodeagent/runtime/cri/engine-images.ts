/**
 * Images of the node, made known to the engine: each is carried over once, as an archive, under a name made of its
 * digest. Which images there are, and who may use them, stays the image store's to say; what is gone from there goes
 * from the engine too. The interface itself can only pull, so containerd's own tool does the carrying.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiError } from '../../../api/meta/api-error.ts';
import { type Clock, sleep } from '../../../api/meta/clock.ts';
import type { Logger } from '../../../api/meta/logger.ts';
import { Loop } from '../../../api/meta/loop.ts';
import { runCommand } from '../../command.ts';
import { buildImage } from '../../images/image-build.ts';
import { withArchive } from '../../images/image-export.ts';
import { imageAt } from '../../images/image-store.ts';
import { makeSkeleton } from '../oci/root-filesystem.ts';
import { skeletonImage } from './containerd.ts';
import type { Engine } from './engine.ts';

export interface EngineImagesOptions {
  engine: Engine;
  imageDirectory: string;
  clock: Clock;
  logger: Logger;
}

const pruneMs = 60_000;
const importTimeoutMs = 600_000;
const pollMs = 10;
const noticeTimeoutMs = 10_000;

export class EngineImages {
  readonly #options: EngineImagesOptions;
  /** One for each store: an engine may work for several agents. */
  readonly #repository: string;
  readonly #underWay = new Map<string, Promise<void>>();
  #pruning: Loop | undefined;

  constructor(options: EngineImagesOptions) {
    this.#options = options;
    const store = createHash('sha256').update(options.imageDirectory).digest('hex').slice(0, 12);
    this.#repository = `gantry.local/${store}`;
  }

  /** Gives the engine's name of an image of the store's. Throws ApiError Gone when its layers were not kept. */
  async ensure(digest: string): Promise<string> {
    const { imageDirectory } = this.#options;
    const tag = digest.slice('sha256:'.length);
    const name = `${this.#repository}:${tag}`;
    this.#prunes();
    await this.#once(name, () =>
      withArchive(imageDirectory, { digest, format: 'oci-archive', name: tag }, (archive) =>
        this.#import(archive, name),
      ),
    );
    return name;
  }

  /** An empty root with the places where the node's own directories go; with something that waits, for sandboxes. */
  async ensureSkeleton(): Promise<string> {
    await this.#once(skeletonImage, async () => {
      const scratch = await mkdtemp(join(tmpdir(), 'gantry-skeleton-'));
      try {
        const [root, archive] = [join(scratch, 'rootfs'), join(scratch, 'archive')];
        makeSkeleton(root);
        // Where a container has the node's /usr, and a sandbox nothing else.
        await runCommand('sh', ['-c', 'cp -L "$(command -v busybox)" "$0"', join(root, 'usr/busybox')]);
        const words = ['/usr/busybox', 'sleep', 'infinity'];
        const config = words.flatMap((word) => ['--config.cmd', word]);
        await buildImage(root, { archive, name: skeletonImage.split(':')[1] ?? '', config });
        await this.#import(archive, skeletonImage);
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    });
    return skeletonImage;
  }

  async close(): Promise<void> {
    await this.#pruning?.stop();
  }

  #prunes(): void {
    const { clock, logger } = this.#options;
    const step = (): Promise<void> => this.#prune();
    this.#pruning ??= new Loop({ name: 'engine-images', step, intervalMs: pruneMs, clock, logger }).start();
  }

  /** Takes from the engine what the store has no more; containers that run keep their files. */
  async #prune(): Promise<void> {
    const { engine, imageDirectory } = this.#options;
    const { images } = await engine.call('ListImages', {});
    for (const tag of images.flatMap(({ repoTags }) => repoTags)) {
      const [name, hex] = tag.split(':');
      if (name !== this.#repository || (await imageAt(imageDirectory, `sha256:${hex}`))) continue;
      await engine.call('RemoveImage', { image: { image: tag } });
    }
  }

  /** One at a time of each; nothing when it is there. */
  #once(name: string, make: () => Promise<void>): Promise<void> {
    const underWay = this.#underWay.get(name);
    if (underWay) return underWay;
    const made = this.#has(name)
      .then((isThere) => (isThere ? undefined : make()))
      .finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, made);
    return made;
  }

  async #import(archive: string, name: string): Promise<void> {
    const { engine, clock } = this.#options;
    const address = engine.endpoint.replace(/^unix:\/\//, '');
    const base = name.slice(0, name.lastIndexOf(':'));
    const flags = ['--address', address, '--namespace', 'k8s.io'];
    await runCommand('ctr', [...flags, 'images', 'import', '--base-name', base, archive], {
      timeoutMs: importTimeoutMs,
    });
    // The interface hears of it by an event.
    for (let waitedMs = 0; !(await this.#has(name)); waitedMs += pollMs) {
      if (waitedMs > noticeTimeoutMs)
        throw new ApiError('InternalError', `the engine took ${name} in, and does not have it`);
      await sleep(clock, pollMs);
    }
  }

  async #has(name: string): Promise<boolean> {
    return (await this.#options.engine.call('ImageStatus', { image: { image: name } })).image !== null;
  }
}
