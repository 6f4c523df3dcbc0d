/**
 * Runs controllers in one process: one shared informer per kind, one queue and one loop per controller.
 *
 *   const runtime = new ControllerRuntime({ client, component: 'gantry-controllers', logger });
 *   runtime.add(jobController).add(nodeController);
 *   await runtime.run(signal);       // until the signal aborts: SIGTERM, or leadership lost
 *
 * Invariant: no reconcile runs before every cache has synced, nor after `stop` has resolved.
 */
import { setMaxListeners } from 'node:events';
import type { Resource } from '../api/kinds/resources.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { type Clock, sleep, systemClock } from '../api/meta/clock.ts';
import { type Logger, silentLogger } from '../api/meta/logger.ts';
import type { KubeObject } from '../api/meta/object-meta.ts';
import { type Random, systemRandom } from '../api/meta/random.ts';
import type { Client } from './client.ts';
import type { Caches, ControllerDefinition } from './controller.ts';
import { ControllerLoop, type ControllerMetrics } from './controller-loop.ts';
import { EventRecorder } from './event-recorder.ts';
import { Informer, type InformerOptions } from './informer.ts';
import type { ObjectReader } from './object-cache.ts';
import { WorkQueue } from './work-queue.ts';

export interface RuntimeOptions {
  client: Client;
  /** Who speaks in events; also in logs. */
  component: string;
  /** For all informers. */
  informers?: Pick<InformerOptions<KubeObject>, 'transform' | 'pageSize' | 'stallMs'>;
  clock?: Clock;
  random?: Random;
  logger?: Logger;
}

interface RunningController {
  definition: ControllerDefinition;
  queue: WorkQueue;
  loop: ControllerLoop;
}

export class ControllerRuntime {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly #options: RuntimeOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #controllers: RunningController[] = [];
  readonly #abort = new AbortController();
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: RuntimeOptions) {
    const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
    this.#options = options;
    this.client = options.client;
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger;
    this.events = new EventRecorder({ ...options, clock, random, logger });
    // One listener per reconcile under way, by intent: no leak to warn of.
    setMaxListeners(0, this.#abort.signal);
  }

  /** The one informer of a kind, shared by all controllers; started by `start`. */
  informer<T extends KubeObject>(resource: Resource<T>): Informer<T> {
    const key = `${resource.apiVersion}/${resource.plural}`;
    const known = this.#informers.get(key);
    // The map forgets T; the key, which comes from the resource, remembers it.
    if (known) return known as unknown as Informer<T>;
    const { client, informers } = this.#options;
    const shared = { client, clock: this.#clock, random: this.#random, logger: this.#logger };
    const informer = new Informer<KubeObject>({ ...informers, ...shared, resource });
    this.#informers.set(key, informer);
    return informer as unknown as Informer<T>;
  }

  /** Puts a controller in. Only before `start`. */
  add(definition: ControllerDefinition): this {
    const queue = new WorkQueue({
      clock: this.#clock,
      random: this.#random,
      backoff: definition.options.backoff,
    });
    for (const resource of definition.resources) this.informer(resource);
    const caches = this.#cachesOf(definition);
    for (const attach of definition.sources) attach(this, caches, (key) => queue.add(key));
    const context = {
      ...caches,
      client: this.client,
      events: this.events,
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
    };
    this.#controllers.push({ definition, queue, loop: new ControllerLoop({ definition, queue, context }) });
    return this;
  }

  get hasSynced(): boolean {
    return [...this.#informers.values()].every(({ hasSynced }) => hasSynced);
  }

  /** Nothing to do and nothing under way: every cache synced, every queue empty, every event written. */
  get idle(): boolean {
    return this.hasSynced && this.events.idle && this.#controllers.every(({ queue }) => queue.idle);
  }

  /** Starts the informers, then, once all of them have synced, the controllers. Resolves when they run. */
  async start(): Promise<void> {
    this.events.start();
    for (const informer of this.#informers.values()) informer.start();
    const synced = Promise.all([...this.#informers.values()].map((informer) => informer.whenSynced()));
    await Promise.race([synced, aborted(this.#abort.signal)]);
    if (this.#abort.signal.aborted) return;
    this.#work = Promise.all(this.#controllers.map(({ loop }) => loop.run(this.#abort.signal)));
  }

  /** Takes nothing new in, lets reconciles under way end for up to `graceMs`, then cuts them off. */
  async stop({ graceMs = 5_000 } = {}): Promise<void> {
    const drained = this.#controllers.map(({ queue }) => {
      queue.clear();
      return queue.shutdown();
    });
    if (graceMs > 0) {
      const graceOver = new AbortController();
      await Promise.race([Promise.all(drained), sleep(this.#clock, graceMs, graceOver.signal)]);
      graceOver.abort();
    }
    this.#abort.abort(new ApiError('ServiceUnavailable', 'the controllers are stopping'));
    await this.#work;
    await Promise.all([...this.#informers.values()].map((informer) => informer.stop()));
    await this.events.stop();
  }

  /** Runs until `signal` aborts. Work under way is cut off at once: somebody else may lead already. */
  async run(signal: AbortSignal): Promise<void> {
    const cutOff = (): void => this.#abort.abort(signal.reason);
    if (signal.aborted) cutOff();
    signal.addEventListener('abort', cutOff, { once: true });
    await this.start();
    await aborted(signal);
    await this.stop({ graceMs: 0 });
  }

  /** Counters per controller, with its queue's depth and retries. */
  metrics(): Record<string, ControllerMetrics & { depth: number; retries: number }> {
    return Object.fromEntries(
      this.#controllers.map(({ definition, queue, loop }) => [
        definition.name,
        { ...loop.metrics, depth: queue.depth, retries: queue.retries },
      ]),
    );
  }

  #cachesOf({ name, resources }: ControllerDefinition): Caches {
    const readable = new Set(resources.map(({ apiVersion, plural }) => `${apiVersion}/${plural}`));
    return {
      cache: <T extends KubeObject>(resource: Resource<T>): ObjectReader<T> => {
        if (!readable.has(`${resource.apiVersion}/${resource.plural}`)) {
          throw new RangeError(
            `controller ${name} reads ${resource.plural} without saying so: add .reads(${resource.kind})`,
          );
        }
        return this.informer(resource).cache;
      },
    };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
