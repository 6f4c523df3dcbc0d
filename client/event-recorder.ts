/**
 * Tells people what happened to an object: core/v1 Events, as `kubectl describe` shows them.
 *
 *   events.record(job, { type: 'Normal', reason: 'TaskCreated', message: 'created task web-0-0' });
 *
 * Invariant: `record` never throws and never waits. The same thing said again raises the count of one
 * Event instead of making another; one object cannot flood the cluster. An Event's name is a digest of
 * what it says, so a write whose outcome is unknown can safely be tried again.
 */
import { createHash } from 'node:crypto';
import { defaultNamespace } from '../api/kinds/names.ts';
import { Event } from '../api/kinds/resources.ts';
import { hasReason } from '../api/meta/api-error.ts';
import { type Clock, sleep, systemClock } from '../api/meta/clock.ts';
import { type Logger, silentLogger } from '../api/meta/logger.ts';
import { type KubeObject, timestamp } from '../api/meta/object-meta.ts';
import type { Random } from '../api/meta/random.ts';
import type { Client, ObjectKey } from './client.ts';
import { TokenBuckets } from './token-buckets.ts';
import { WorkQueue } from './work-queue.ts';

export interface Happening {
  type: 'Normal' | 'Warning';
  /** One CamelCase word. */
  reason: string;
  /** For people; cut at 1024 characters. */
  message: string;
}

export interface EventRecorderOptions {
  client: Client;
  /** Who says it. */
  component: string;
  clock?: Clock;
  random?: Random;
  logger?: Logger;
  /** Events one object may cause at once, and seconds until it may cause one more; default 25 and 60. */
  burst?: number;
  refillSeconds?: number;
}

/** One Event on the server, as far as this recorder knows. */
interface Entry {
  key: ObjectKey & { namespace: string };
  object: KubeObject;
  happening: Happening;
  firstMs: number;
  lastMs: number;
  /** Times it happened, and how many of them the server knows. */
  count: number;
  written: number;
}

/** Entries kept for counting; older ones start a new count on the server's Event. */
const maxEntries = 4096;
const maxMessageLength = 1024;
const maxTries = 8;

export class EventRecorder {
  /** For metrics: said, and lost to rate limits or failing writes. */
  recorded = 0;
  dropped = 0;
  readonly #client: Client;
  readonly #component: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #queue: WorkQueue;
  readonly #buckets: TokenBuckets;
  /** By event name; the one touched last is last. */
  readonly #entries = new Map<string, Entry>();
  #worker: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    const { clock = systemClock, random, burst = 25, refillSeconds = 60 } = options;
    this.#client = options.client;
    this.#component = options.component;
    this.#clock = clock;
    this.#logger = options.logger ?? silentLogger;
    this.#buckets = new TokenBuckets({ clock, burst, refillMs: refillSeconds * 1000 });
    this.#queue = new WorkQueue({
      clock,
      ...(random ? { random } : {}),
      backoff: { baseMs: 100, maxMs: 10_000 },
    });
  }

  get idle(): boolean {
    return this.#queue.idle;
  }

  record(object: KubeObject, happening: Happening): void {
    const source =
      object.metadata.uid ?? `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`;
    if (!this.#buckets.take(source)) {
      this.dropped++;
      return;
    }
    this.recorded++;
    const entry = this.#entryOf(object, { ...happening, message: shortened(happening.message) });
    entry.count++;
    entry.lastMs = this.#clock.now();
    this.#queue.add(entry.key.name);
  }

  start(): this {
    this.#worker ??= this.#work();
    return this;
  }

  /** Writes what is left for up to `graceMs`, then lets go. */
  async stop({ graceMs = 1_000 } = {}): Promise<void> {
    const graceOver = new AbortController();
    const drained = Promise.all([this.#queue.shutdown(), this.#worker]);
    await Promise.race([drained, sleep(this.#clock, graceMs, graceOver.signal)]);
    graceOver.abort();
    this.#queue.clear();
  }

  async #work(): Promise<void> {
    for (let name = await this.#queue.take(); name !== undefined; name = await this.#queue.take()) {
      const entry = this.#entries.get(name);
      if (entry) await this.#write(entry);
      this.#queue.done(name);
    }
  }

  async #write(entry: Entry): Promise<void> {
    const { name } = entry.key;
    try {
      entry.written = await (entry.written === 0 ? this.#create(entry) : this.#raise(entry));
      this.#queue.forget(name);
    } catch (error) {
      if (this.#queue.failuresOf(name) < maxTries) {
        this.#queue.retry(name);
        return;
      }
      this.dropped++;
      this.#queue.forget(name);
      this.#logger.warn({ event: name, reason: entry.happening.reason, err: error }, 'event not written');
    }
  }

  /** Like `#raise` and `#adopt`, gives the count the server knows now; it may have grown here meanwhile. */
  async #create(entry: Entry): Promise<number> {
    const { count } = entry;
    try {
      await this.#client.create(Event, this.#draftOf(entry));
      return count;
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
      return this.#adopt(entry);
    }
  }

  /** The same thing was said before this process knew of it: go on counting from there. */
  async #adopt(entry: Entry): Promise<number> {
    const before = (await this.#client.get(Event, entry.key)).count ?? 1;
    const count = entry.count + before;
    await this.#patchCount(entry, count);
    entry.count += before;
    return count;
  }

  async #raise(entry: Entry): Promise<number> {
    const { count } = entry;
    try {
      await this.#patchCount(entry, count);
      return count;
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      // It expired on the server: begin a new count.
      entry.count -= entry.written;
      entry.written = 0;
      entry.firstMs = entry.lastMs;
      return this.#create(entry);
    }
  }

  async #patchCount({ key, lastMs }: Entry, count: number): Promise<void> {
    const body = { count, lastTimestamp: timestamp(lastMs) };
    await this.#client.patch(Event, key, { type: 'merge', body });
  }

  #entryOf(object: KubeObject, happening: Happening): Entry {
    const key = eventKey(object, happening, this.#component);
    const nowMs = this.#clock.now();
    const entry = this.#entries.get(key.name) ?? {
      key,
      object,
      happening,
      firstMs: nowMs,
      lastMs: nowMs,
      count: 0,
      written: 0,
    };
    this.#entries.delete(key.name);
    this.#entries.set(key.name, entry);
    if (this.#entries.size > maxEntries) this.#forgetOldest();
    return entry;
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries;
    if (!oldest) return;
    const [name, { count, written }] = oldest;
    if (count > written) this.dropped++;
    this.#entries.delete(name);
  }

  #draftOf({ key, object, happening, count, firstMs, lastMs }: Entry) {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace, uid, resourceVersion } = metadata;
    return {
      metadata: { ...key },
      involvedObject: {
        apiVersion,
        kind,
        name,
        ...(namespace ? { namespace } : {}),
        ...(uid ? { uid } : {}),
        ...(resourceVersion ? { resourceVersion } : {}),
      },
      ...happening,
      source: { component: this.#component },
      reportingComponent: this.#component,
      count,
      firstTimestamp: timestamp(firstMs),
      lastTimestamp: timestamp(lastMs),
    };
  }
}

function eventKey(object: KubeObject, { type, reason, message }: Happening, component: string) {
  const { uid = '', name, namespace = defaultNamespace } = object.metadata;
  const said = [component, object.kind, uid, namespace, name, type, reason, message].join('\0');
  const digest = createHash('sha256').update(said).digest('hex').slice(0, 16);
  return { namespace, name: `${name.slice(0, 236)}.${digest}` };
}

function shortened(message: string): string {
  return message.length <= maxMessageLength ? message : `${message.slice(0, maxMessageLength - 1)}…`;
}
