/**
 * Tells people what happened to an object: core/v1 Events, as `kubectl describe` shows them.
 *
 *   events.record(job, { type: 'Normal', reason: 'TaskCreated', message: 'created task web-0-0' });
 *
 * Invariant: `record` never throws and never waits. The same thing said again raises the count of one
 * Event instead of making another; one object cannot flood the cluster, and what waits to be written is
 * bounded (client-go's EventCorrelator). An Event's name is a digest of what it says, so a write whose
 * outcome is unknown can safely be tried again.
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
import { RecentMap } from './recent-map.ts';
import { SimilarEvents } from './similar-events.ts';
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
  /** Writes one object may cause at once, and seconds until it may cause one more; default 25 and 300. */
  burst?: number;
  refillSeconds?: number;
}

/** One Event on the server, as far as this recorder knows. */
interface Entry {
  /** What it says of what; similar things that are told as one have one in common. */
  id: string;
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
/** Events that wait to be written; others are lost until some are. */
const maxWaiting = 4096;
const similar = { most: 10, windowMs: 600_000 };
const similarPrefix = '(combined from similar events): ';
const maxMessageLength = 1024;
const maxTries = 8;

export class EventRecorder {
  /** For metrics: said and to be written, and not written for a limit or for failing. */
  recorded = 0;
  dropped = 0;
  readonly #client: Client;
  readonly #component: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #queue: WorkQueue;
  readonly #buckets: TokenBuckets;
  readonly #similar: SimilarEvents;
  /** By id, as is the queue. */
  readonly #entries = new RecentMap<string, Entry>(maxEntries);
  #worker: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    const { clock = systemClock, random, burst = 25, refillSeconds = 300 } = options;
    this.#client = options.client;
    this.#component = options.component;
    this.#clock = clock;
    this.#logger = options.logger ?? silentLogger;
    this.#buckets = new TokenBuckets({ clock, burst, refillMs: refillSeconds * 1000 });
    this.#similar = new SimilarEvents({ clock, ...similar });
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
    if (this.#queue.depth >= maxWaiting) {
      this.dropped++;
      return;
    }
    const entry = this.#entryOf(object, happening);
    entry.count++;
    entry.lastMs = this.#clock.now();
    const source =
      object.metadata.uid ?? `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`;
    // Counted all the same: the next write tells of it.
    if (!this.#buckets.take(source)) {
      this.dropped++;
      return;
    }
    this.recorded++;
    this.#queue.add(entry.id);
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
    for (let id = await this.#queue.take(); id !== undefined; id = await this.#queue.take()) {
      const entry = this.#entries.get(id);
      if (entry) await this.#write(entry);
      else this.#giveUp(id);
      this.#queue.done(id);
    }
  }

  async #write(entry: Entry): Promise<void> {
    const { id } = entry;
    try {
      entry.written = await (entry.written === 0 ? this.#create(entry) : this.#raise(entry));
      this.#queue.forget(id);
    } catch (error) {
      if (this.#queue.failuresOf(id) < maxTries) {
        this.#queue.retry(id);
        return;
      }
      this.#giveUp(id);
      const { name } = entry.key;
      this.#logger.warn({ event: name, reason: entry.happening.reason, err: error }, 'event not written');
    }
  }

  #giveUp(id: string): void {
    this.dropped++;
    this.#queue.forget(id);
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

  async #patchCount({ key, happening, lastMs }: Entry, count: number): Promise<void> {
    const body = { count, message: happening.message, lastTimestamp: timestamp(lastMs) };
    await this.#client.patch(Event, key, { type: 'merge', body });
  }

  #entryOf(object: KubeObject, { type, reason, message }: Happening): Entry {
    const text = shortened(message);
    const group = [this.#component, ...identityOf(object), type, reason].join('\0');
    const areMany = this.#similar.areMany(group, text);
    const id = areMany ? group : `${group}\0${text}`;
    const entry = this.#entries.get(id) ?? this.#newEntry(object, { type, reason, message: text }, id);
    if (areMany) entry.happening.message = shortened(similarPrefix + message);
    this.#entries.set(id, entry);
    return entry;
  }

  #newEntry(object: KubeObject, happening: Happening, id: string): Entry {
    const nowMs = this.#clock.now();
    const key = eventKey(object, id);
    return { id, key, object, happening, firstMs: nowMs, lastMs: nowMs, count: 0, written: 0 };
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

function identityOf({ kind, metadata }: KubeObject): string[] {
  const { uid = '', name, namespace = defaultNamespace } = metadata;
  return [kind, uid, namespace, name];
}

function eventKey({ metadata }: KubeObject, id: string) {
  const { name, namespace = defaultNamespace } = metadata;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 16);
  return { namespace, name: `${name.slice(0, 236)}.${digest}` };
}

function shortened(message: string): string {
  return message.length <= maxMessageLength ? message : `${message.slice(0, maxMessageLength - 1)}…`;
}
