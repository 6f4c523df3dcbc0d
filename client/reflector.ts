/**
 * Keeps a sink equal to one collection of the API server: list, watch from there, resume, list again
 * when the version is gone. Stands between the client and the informer's cache.
 *
 *          ┌────────────── any failure ──────────────┐
 *          ▼                                         │
 *   init ─▶ list ─▶ watch ── ended, cut, stalled ─▶ backoff ─▶ watch from the last version,
 *                                                              or list when that is gone (410)
 *
 * Invariant: it ends only through `stop()`. Whatever the server does, the sink is at some version the
 * server once gave out, and moves on to the current one as soon as the server lets it.
 */

import type { Resource } from '../api/kinds/resources.ts';
import { hasReason } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import { type Logger, silentLogger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';
import type { KubeObject, WatchEvent } from '../api/meta/object-meta.ts';
import { type Random, systemRandom } from '../api/meta/random.ts';
import type { Client, ListParameters } from './client.ts';
import { LinkedAbort } from './linked-abort.ts';
import { Watchdog } from './watchdog.ts';

/** Which objects of the collection. */
export type Scope = Pick<ListParameters, 'namespace' | 'labelSelector' | 'fieldSelector'>;

export type ObjectEvent<T> = Exclude<WatchEvent<T>, { type: 'BOOKMARK' }>;

export interface ReflectorSink<T> {
  /** The collection now holds exactly these. */
  replace(objects: T[]): void;
  apply(event: ObjectEvent<T>): void;
}

export interface ReflectorOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  sink: ReflectorSink<T>;
  scope?: Scope;
  /** Objects per list request; default 500. */
  pageSize?: number;
  /** A watch silent for so long (no event, no bookmark) is cut and resumed; default 45 s, over three of our server's bookmarks. */
  stallMs?: number;
  clock?: Clock;
  random?: Random;
  logger?: Logger;
}

export type ReflectorState = 'init' | 'list' | 'watch' | 'backoff' | 'stopped';

/** A watch that lived so long was healthy: its end is no reason to back off. */
const healthyMs = 5_000;
/** Short enough that a control plane is itself again seconds after its API server came back. */
const maxBackoffMs = 5_000;

export class Reflector<T extends KubeObject> {
  state: ReflectorState = 'init';
  /** For metrics. */
  lists = 0;
  watches = 0;
  readonly #options: ReflectorOptions<T>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #loop: Loop;
  /** The version the sink is at; undefined: it has to be listed. */
  #version: string | undefined;

  constructor(options: ReflectorOptions<T>) {
    const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#loop = new Loop({
      name: `reflector of ${options.resource.plural}`,
      step: (signal) => this.#turn(signal),
      intervalMs: 1_000,
      backoff: { baseMs: 100, maxMs: maxBackoffMs },
      clock,
      random,
      logger,
    });
  }

  /** The resourceVersion the sink is at. */
  get resourceVersion(): string | undefined {
    return this.#version;
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    this.state = 'stopped';
  }

  async #turn(signal: AbortSignal): Promise<number> {
    try {
      if (this.#version === undefined) await this.#list(signal);
      return await this.#watch(signal);
    } finally {
      this.state = 'backoff';
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, resource, scope, sink, pageSize = 500 } = this.#options;
    this.state = 'list';
    this.lists++;
    const objects: T[] = [];
    let next: string | undefined;
    let version: string;
    do {
      const parameters: ListParameters = { ...scope, limit: pageSize, signal };
      if (next) parameters.continue = next;
      const page = await client.list(resource, parameters);
      for (const object of page.items) objects.push(object);
      next = page.metadata.continue;
      version = page.metadata.resourceVersion;
    } while (next);
    signal.throwIfAborted();
    sink.replace(objects);
    this.#version = version;
  }

  /** Watches until the stream ends for any reason. Gives the pause before the next one. */
  async #watch(signal: AbortSignal): Promise<number> {
    const startMs = this.#clock.monotonicMs();
    const connection = new LinkedAbort(signal);
    const watchdog = new Watchdog(this.#clock, this.#options.stallMs ?? 45_000, () => connection.abort());
    this.state = 'watch';
    this.watches++;
    try {
      await this.#receive(connection.signal, watchdog);
    } catch (error) {
      if (!isResumable(error)) this.#version = undefined;
      if (this.#clock.monotonicMs() - startMs < healthyMs) throw error;
    } finally {
      watchdog.cancel();
      connection.release();
    }
    const livedMs = this.#clock.monotonicMs() - startMs;
    // Jitter, so that a restarted server is not met by everybody at once.
    return livedMs < healthyMs ? 500 + this.#random.next() * 500 : this.#random.next() * 500;
  }

  async #receive(signal: AbortSignal, watchdog: Watchdog): Promise<void> {
    const { client, resource, scope, sink } = this.#options;
    const stream = client.watch(resource, {
      ...scope,
      ...(this.#version === undefined ? {} : { resourceVersion: this.#version }),
      timeoutSeconds: 300 + Math.floor(this.#random.next() * 300),
      signal,
    });
    for await (const event of stream) {
      if (signal.aborted) return;
      watchdog.touch();
      if (event.type !== 'BOOKMARK') sink.apply(event);
      this.#version = event.object.metadata.resourceVersion ?? this.#version;
    }
  }
}

/** Only the connection broke: the version is as good as before. Anything else is cured by a list. */
function isResumable(error: unknown): boolean {
  return hasReason(error, 'ServiceUnavailable', 'Timeout', 'TooManyRequests', 'Unauthorized', 'Forbidden');
}
