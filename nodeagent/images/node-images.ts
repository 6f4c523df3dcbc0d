/** The images of one node, with all that looks after them: pulls, collection, preloading, administrators' requests. */
import type { Clock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { containerSpec, type TaskRecord } from '../task/task-record.ts';
import { BlobUploads } from './blob-uploads.ts';
import { ImageCollector } from './image-collector.ts';
import type { ImagePeers } from './image-peers.ts';
import { ImagePuller, type PullerOptions } from './image-puller.ts';
import { ImageRequests, type ImageUse } from './image-requests.ts';
import { preloadImages } from './preload.ts';
import { readRegistries } from './registries.ts';

export interface NodeImagesOptions {
  imageDirectory: string;
  preloadDirectory: string;
  registriesFile?: string;
  registryAuthFile?: string;
  /** Of the disk: from where to where images are collected. */
  imageGcHighPercent: number;
  imageGcLowPercent: number;
  imageGcMinAgeSeconds: number;
}

export interface NodeImagesParts {
  records: () => TaskRecord[];
  peers: ImagePeers;
  /** Images came or went. */
  onChange: () => void;
  clock: Clock;
  logger: Logger;
}

export class NodeImages {
  readonly puller: ImagePuller;
  readonly collector: ImageCollector;
  readonly requests: ImageRequests;
  readonly uploads: BlobUploads;
  readonly #options: NodeImagesOptions;
  readonly #logger: Logger;

  constructor(options: NodeImagesOptions, parts: NodeImagesParts, pulling: PullerOptions) {
    const { imageDirectory: directory } = options;
    const { records, onChange, clock, logger } = parts;
    const uses = (): ImageUse[] => records().flatMap(usesOf);
    this.#options = options;
    this.#logger = logger;
    this.collector = new ImageCollector({
      ...{ directory, clock, logger },
      references: () => uses().map(({ reference }) => reference),
      highPercent: options.imageGcHighPercent,
      lowPercent: options.imageGcLowPercent,
      minAgeMs: options.imageGcMinAgeSeconds * 1000,
    });
    const { collector } = this;
    this.puller = new ImagePuller({ ...pulling, makeRoom: (bytes) => collector.freeSpace(bytes) });
    this.uploads = new BlobUploads(directory);
    this.requests = new ImageRequests({ directory, puller: this.puller, collector, uses, onChange });
  }

  /** Throws ApiError BadRequest when the registries file is wrong. */
  static async open(options: NodeImagesOptions, parts: NodeImagesParts): Promise<NodeImages> {
    const { imageDirectory: directory, registriesFile, registryAuthFile: authFile } = options;
    const registries = await readRegistries(registriesFile);
    const { clock, peers } = parts;
    return new NodeImages(options, parts, {
      directory,
      clock,
      peers,
      registries,
      ...(authFile ? { authFile } : {}),
    });
  }

  /** Resolves when what is to be preloaded is there. */
  async start(): Promise<void> {
    const { imageDirectory, preloadDirectory } = this.#options;
    await preloadImages(imageDirectory, preloadDirectory, this.#logger);
    this.collector.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.collector.stop(), this.puller.stop()]);
  }
}

/** What a task runs from, and what it would be started from again. */
function usesOf(record: TaskRecord): ImageUse[] {
  if (record.cleaned) return [];
  const { name, namespace } = record.task.metadata;
  return record.containers.flatMap((container) => {
    const running = container.life.state === 'running' ? container.life.imageID : undefined;
    const references = [containerSpec(record, container).image, running];
    return references.flatMap((reference) =>
      reference === undefined ? [] : [{ user: `${namespace}/${name}`, reference }],
    );
  });
}
