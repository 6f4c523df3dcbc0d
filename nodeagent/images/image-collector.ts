/**
 * Keeps the disk of the images from filling up: above the high mark, unused images go until the low mark is
 * reached (kubelet's image garbage collection). Others who need room ask with `freeSpace`.
 */
import { statfs } from 'node:fs/promises';
import type { Clock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import { type Collected, collectImages } from './image-collection.ts';
import { findImage, touchImage } from './image-store.ts';

export interface CollectorOptions {
  directory: string;
  /** References that tasks of this node have use for, by name or digest. */
  references: () => string[];
  highPercent: number;
  lowPercent: number;
  minAgeMs: number;
  clock: Clock;
  logger: Logger;
}

const intervalMs = 60_000;

export class ImageCollector {
  readonly #options: CollectorOptions;
  readonly #loop: Loop;

  constructor(options: CollectorOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#loop = new Loop({ name: 'image-gc', step: () => this.#check(), intervalMs, clock, logger });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** Removes unused images, oldest use first, until about so many bytes are free; all of them without a number. */
  async freeSpace(bytes?: number): Promise<Collected> {
    const { minAgeMs } = this.#options;
    return this.#collect({ minAgeMs, ...(bytes === undefined ? {} : { bytes }) });
  }

  /** Removes all that nothing uses now, however new. */
  prune(): Promise<Collected> {
    return this.#collect({ minAgeMs: 0 });
  }

  async #check(): Promise<void> {
    const { directory, highPercent, lowPercent } = this.#options;
    // Other agents may share the directory: what is wanted here is used as of now, also for them.
    for (const digest of await this.#inUse()) await touchImage(directory, digest, this.#options.clock.now());
    const disk = await statfs(directory);
    const usedPercent = 100 * (1 - disk.bavail / disk.blocks);
    if (usedPercent < highPercent) return;
    await this.freeSpace(((usedPercent - lowPercent) / 100) * disk.blocks * disk.bsize);
  }

  async #collect(how: { minAgeMs: number; bytes?: number }): Promise<Collected> {
    const { directory, clock, logger } = this.#options;
    const inUse = await this.#inUse();
    const collected = await collectImages(directory, { ...how, inUse, nowMs: clock.now() });
    for (const { names, digest, sizeBytes } of collected.removed)
      logger.info({ names, digest, sizeBytes }, 'removed an unused image');
    return collected;
  }

  async #inUse(): Promise<Set<string>> {
    const { directory, references } = this.#options;
    const found = await Promise.all([...new Set(references())].map((each) => findImage(directory, each)));
    return new Set(found.flatMap((image) => image?.digest ?? []));
  }
}
