/**
 * What the node knows of services: the informers of Services and EndpointSlices, with a copy on disk. DNS and
 * address translation read it. Cut off from the API server it is the last that was heard; an agent that
 * starts cut off begins with the copy.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import { EndpointSlice, Service } from '../../api/kinds/resources.ts';
import { serviceNameLabel } from '../../api/kinds/service-labels.ts';
import type { Clock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import type { Client } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { ObjectCache, type ObjectReader } from '../../client/object-cache.ts';
import type { ServiceNames } from '../dns/zone.ts';

export interface ServiceDataOptions {
  client: Client;
  /** Where the copy is kept. */
  directory: string;
  logger: Logger;
  clock: Clock;
}

interface Copy {
  services: Service[];
  slices: EndpointSlice[];
}

interface Caches {
  services: ObjectReader<Service>;
  slices: ObjectReader<EndpointSlice>;
}

/** Changes come in crowds; one copy is enough for them. */
const copyIntervalMs = 5_000;
const ofService = 'service';
const ofJob = 'job';
const byAddress = 'address';

export class ServiceData implements ServiceNames {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #file: string;
  readonly #logger: Logger;
  readonly #copying: Loop;
  /** Answers until the first lists are there; undefined when there is no copy. */
  #copied: Caches | undefined;
  #isCopied = true;

  constructor({ client, directory, logger, clock }: ServiceDataOptions) {
    this.#file = join(directory, 'services.json');
    this.#logger = logger;
    this.#services = new Informer({ client, resource: Service, logger, clock });
    this.#slices = new Informer({ client, resource: EndpointSlice, logger, clock });
    for (const cache of [this.#services, this.#slices]) cache.onChange(() => this.#noteChange());
    addServiceIndexes(this.#services);
    addSliceIndexes(this.#slices);
    this.#copying = new Loop({
      name: 'services-copy',
      step: () => this.#copy(),
      intervalMs: copyIntervalMs,
      clock,
      logger,
    });
  }

  async start(): Promise<void> {
    this.#copied = await this.#readCopy();
    this.#services.start();
    this.#slices.start();
    this.#copying.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#services.stop(), this.#slices.stop(), this.#copying.stop()]);
  }

  /** Calls `listener` after every change. */
  onChange(listener: () => void): void {
    this.#services.onChange(listener);
    this.#slices.onChange(listener);
    void Promise.all([this.#services.whenSynced(), this.#slices.whenSynced()]).then(listener);
  }

  /** Whether what is not here does not exist. */
  get isKnown(): boolean {
    return this.#hasSynced || this.#copied !== undefined;
  }

  services(): Service[] {
    return this.#caches.services.list();
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#caches.services.get({ namespace, name });
  }

  serviceAt(address: string): Service | undefined {
    return this.#caches.services.by(byAddress, address)[0];
  }

  slicesOf(namespace: string, service: string): EndpointSlice[] {
    return this.#caches.slices.by(ofService, `${namespace}/${service}`);
  }

  slicesOfJob(namespace: string, job: string): EndpointSlice[] {
    return this.#caches.slices.by(ofJob, `${namespace}/${job}`);
  }

  get #hasSynced(): boolean {
    return this.#services.hasSynced && this.#slices.hasSynced;
  }

  get #caches(): Caches {
    if (this.#hasSynced || !this.#copied)
      return { services: this.#services.cache, slices: this.#slices.cache };
    return this.#copied;
  }

  #noteChange(): void {
    this.#isCopied = false;
  }

  async #copy(): Promise<void> {
    if (this.#isCopied || !this.#hasSynced) return;
    this.#isCopied = true;
    const copy: Copy = { services: this.#services.cache.list(), slices: this.#slices.cache.list() };
    await writeFile(`${this.#file}.part`, JSON.stringify(copy), { mode: 0o600 });
    await rename(`${this.#file}.part`, this.#file);
  }

  async #readCopy(): Promise<Caches | undefined> {
    try {
      const { services, slices } = JSON.parse(await readFile(this.#file, 'utf8')) as Copy;
      const copied = { services: new ObjectCache<Service>(), slices: new ObjectCache<EndpointSlice>() };
      addServiceIndexes(copied.services);
      addSliceIndexes(copied.slices);
      for (const service of services) copied.services.set(service);
      for (const slice of slices) copied.slices.set(slice);
      return copied;
    } catch (error) {
      this.#logger.debug({ err: error }, 'no copy of the services yet');
      return undefined;
    }
  }
}

type Indexed<T> = { addIndex(name: string, valuesOf: (object: T) => string[]): void };

function addServiceIndexes(cache: Indexed<Service>): void {
  cache.addIndex(byAddress, ({ spec }) => (spec.clusterIP === undefined ? [] : [spec.clusterIP]));
}

function addSliceIndexes(cache: Indexed<EndpointSlice>): void {
  const labelled =
    (label: string) =>
    ({ metadata: { namespace, labels = {} } }: EndpointSlice) =>
      labels[label] === undefined ? [] : [`${namespace}/${labels[label]}`];
  cache.addIndex(ofService, labelled(serviceNameLabel));
  cache.addIndex(ofJob, labelled(jobNameLabel));
}
