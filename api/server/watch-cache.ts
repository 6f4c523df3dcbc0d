/**
 * The watch cache: everything under /registry in memory, kept current by one watch of the store and handed
 * out per kind. Every read of the API server comes from here, at a revision known to be fresh enough.
 *
 * Invariant: the cache is the store's state at `revision`, which only grows. What is not newer than that is
 * dropped; when the watch breaks or the store's revision goes back, everything is listed again and all
 * watchers are sent away with 410.
 */
import { ApiError } from '../meta/api-error.ts';
import type { Clock, Timer } from '../meta/clock.ts';
import type { Logger } from '../meta/logger.ts';
import { Loop } from '../meta/loop.ts';
import type { KeyValue, Revision, Store, StoreEvent, Watch } from '../store/store.ts';
import { CachedObject } from './cached-object.ts';
import { kindId, parseStoreKey, registryPrefix } from './keys.ts';
import { KindCache } from './kind-cache.ts';

/** How long a read waits for the cache to reach a revision before it answers 504. */
export const freshnessTimeoutMs = 3000;
const nudgeAfterMs = 50;
const listPage = 500;
const auditIntervalMs = 5 * 60_000;

interface Waiter {
  revision: Revision;
  resolve: () => void;
  timer: Timer;
}

/** A version of the future: clients know the cause and ask again. */
export function tooLargeVersion(message: string): ApiError {
  return new ApiError('Timeout', message, {
    causes: [
      {
        field: 'resourceVersion',
        message: 'Too large resource version',
        reason: 'ResourceVersionTooLarge',
      },
    ],
    retryAfterSeconds: 1,
  });
}

export class WatchCache {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #kinds = new Map<string, KindCache>();
  /** What is bound to each node, as the store has it. */
  readonly #allocations = new Map<string, KeyValue>();
  #revision: Revision = 0;
  #fillRevision: Revision = 0;
  #watch: Watch | undefined;
  #broken: Promise<void> = Promise.resolve();
  #reportBreak: () => void = () => {};
  readonly #waiters = new Set<Waiter>();
  #nudging = false;
  #probeRunning: Promise<unknown> | undefined;
  #probeQueued: Promise<Revision> | undefined;
  readonly #loops: Loop[];
  #firstFill: Promise<void>;
  #reportFill: () => void = () => {};
  synced = false;
  /** Objects the audit found different from the store; must stay 0. */
  driftTotal = 0;

  constructor(options: { store: Store; clock: Clock; logger: Logger }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#logger = options.logger;
    const { clock, logger } = options;
    this.#firstFill = new Promise((resolve) => {
      this.#reportFill = resolve;
    });
    this.#loops = [
      new Loop({
        name: 'watch-cache-fill',
        step: (signal) => this.#fillAndFollow(signal),
        intervalMs: 100,
        clock,
        logger,
      }),
      new Loop({
        name: 'watch-cache-audit',
        step: (signal) => this.#audit(signal),
        intervalMs: auditIntervalMs,
        clock,
        logger,
      }),
    ];
  }

  /** The revision the cache is the state of. */
  get revision(): Revision {
    return this.#revision;
  }

  /** Resolves when the cache is filled. */
  async start(): Promise<void> {
    for (const loop of this.#loops) loop.start();
    await this.#firstFill;
  }

  async stop(): Promise<void> {
    this.#watch?.cancel();
    this.#reportBreak();
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  kind(kind: Parameters<typeof kindId>[0]): KindCache {
    return this.#kindById(kindId(kind));
  }

  /** How many objects of each kind there are, by `group/plural`. */
  *sizes(): Generator<[kindId: string, size: number]> {
    for (const [id, cache] of this.#kinds) yield [id, cache.size];
  }

  allocation(node: string): KeyValue | undefined {
    return this.#allocations.get(node);
  }

  /** Waits until the cache has everything that was acknowledged before this call; resolves with its revision. */
  async waitUntilCurrent(): Promise<Revision> {
    const revision = await this.#currentRevision();
    if (this.#revision < revision) {
      const nudge = this.#clock.after(nudgeAfterMs, () => void this.#nudge());
      await this.waitFor(revision).finally(() => nudge.cancel());
    }
    return this.#revision;
  }

  /** Throws ApiError Timeout when the cache has not reached `revision` in time. */
  waitFor(revision: Revision): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(freshnessTimeoutMs, () => {
        this.#waiters.delete(waiter);
        reject(tooLargeVersion(`Too large resource version: ${revision}, current: ${this.#revision}`));
      });
      const waiter = { revision, resolve, timer };
      this.#waiters.add(waiter);
    });
  }

  /**
   * Others may write to the same etcd: its revision moves on and no event of ours tells the cache so. A
   * write of our own, to a key that means nothing, does.
   */
  async #nudge(): Promise<void> {
    if (this.#nudging) return;
    this.#nudging = true;
    try {
      const operation = { type: 'put', key: `${registryPrefix}progress`, value: Buffer.alloc(0) } as const;
      await this.#store.transact({ compares: [], operations: [operation] });
    } catch (error) {
      this.#logger.debug({ err: error }, 'the store took no nudge');
    } finally {
      this.#nudging = false;
    }
  }

  /** The store's own revision. One question at a time: who asks while one is under way shares the next. */
  #currentRevision(): Promise<Revision> {
    this.#probeQueued ??= this.#probeAfter(this.#probeRunning);
    return this.#probeQueued;
  }

  async #probeAfter(running: Promise<unknown> | undefined): Promise<Revision> {
    await running?.catch(() => {});
    const seenBefore = this.#revision;
    const probe = this.#store.get(`${registryPrefix}current`);
    this.#probeRunning = probe;
    this.#probeQueued = undefined;
    const { revision } = await probe;
    if (revision < seenBefore) {
      this.#logger.error({ revision, seenBefore }, 'the revision of the store went back: listing again');
      this.#reportBreak();
      throw new ApiError('ServiceUnavailable', 'the store was restored to an older state; try again');
    }
    return revision;
  }

  /** One life of the watch: list everything, follow until it breaks. */
  async #fillAndFollow(signal: AbortSignal): Promise<void> {
    const revision = await this.#fill();
    if (signal.aborted) return;
    this.#broken = new Promise((resolve) => {
      this.#reportBreak = resolve;
    });
    this.#watch = this.#store.watch(registryPrefix, revision + 1, {
      onEvents: (events, last) => this.#apply(events, last),
      onError: (error) => {
        if (!signal.aborted) this.#logger.warn({ err: error }, 'the watch of the store ended: listing again');
        this.#reportBreak();
      },
    });
    this.synced = true;
    this.#reportFill();
    await this.#broken;
    this.#watch.cancel();
  }

  async #fill(): Promise<Revision> {
    const objects = new Map<string, CachedObject[]>();
    const allocations: [string, KeyValue][] = [];
    const revision = await this.#listAll((kv) => {
      const parsed = parseStoreKey(kv.key);
      if (parsed.type === 'allocation') allocations.push([parsed.node, kv]);
      if (parsed.type !== 'object') return;
      const list = objects.get(parsed.kindId) ?? [];
      list.push(CachedObject.fromStore(parsed.key, kv));
      objects.set(parsed.kindId, list);
    });
    this.#revision = this.#fillRevision = revision;
    this.#allocations.clear();
    for (const [node, kv] of allocations) this.#allocations.set(node, kv);
    for (const id of new Set([...this.#kinds.keys(), ...objects.keys()])) {
      this.#kindById(id).reset(objects.get(id) ?? [], revision);
    }
    this.#wakeWaiters();
    return revision;
  }

  /** Visits every key, page by page, at one revision. */
  async #listAll(visit: (kv: KeyValue) => void): Promise<Revision> {
    let page = await this.#store.list(registryPrefix, { limit: listPage });
    const { revision } = page;
    for (;;) {
      for (const kv of page.items) visit(kv);
      const last = page.items.at(-1);
      if (!page.more || !last) return revision;
      page = await this.#store.list(registryPrefix, { limit: listPage, revision, after: last.key });
    }
  }

  #apply(events: StoreEvent[], last: Revision): void {
    for (const event of events) {
      const revision = event.type === 'put' ? event.kv.modRevision : event.modRevision;
      if (revision > this.#revision) this.#applyOne(event, revision);
    }
    this.#revision = Math.max(this.#revision, last);
    this.#wakeWaiters();
  }

  #applyOne(event: StoreEvent, revision: Revision): void {
    const parsed = parseStoreKey(event.type === 'put' ? event.kv.key : event.key);
    if (parsed.type === 'allocation') {
      if (event.type === 'put') this.#allocations.set(parsed.node, event.kv);
      else this.#allocations.delete(parsed.node);
    }
    if (parsed.type !== 'object') return;
    const cache = this.#kindById(parsed.kindId);
    if (event.type === 'put') cache.put(CachedObject.fromStore(parsed.key, event.kv));
    else cache.remove(parsed.key, revision);
  }

  #kindById(id: string): KindCache {
    let cache = this.#kinds.get(id);
    if (!cache) this.#kinds.set(id, (cache = new KindCache(this.#fillRevision)));
    return cache;
  }

  #wakeWaiters(): void {
    for (const waiter of this.#waiters) {
      if (waiter.revision > this.#revision) continue;
      this.#waiters.delete(waiter);
      waiter.timer.cancel();
      waiter.resolve();
    }
  }

  /** Compares the cache with the store, in the background; a difference is a bug of the store or of this file. */
  async #audit(signal: AbortSignal): Promise<void> {
    if (!this.synced) return;
    const cached = new Map<string, Revision>();
    for (const [id, cache] of this.#kinds) {
      for (const object of cache.list()) cached.set(`${registryPrefix}${id}/${object.key}`, object.revision);
    }
    const at = this.#revision;
    let drift = 0;
    let after: string | undefined;
    for (let more = true; more && !signal.aborted; ) {
      const page = await this.#store.list(registryPrefix, {
        revision: at,
        limit: listPage,
        ...(after ? { after } : {}),
      });
      for (const { key, modRevision } of page.items) {
        if (parseStoreKey(key).type === 'object' && cached.get(key) !== modRevision) drift++;
        cached.delete(key);
      }
      after = page.items.at(-1)?.key;
      more = page.more;
    }
    if (signal.aborted) return;
    drift += cached.size;
    if (drift === 0) return;
    this.driftTotal += drift;
    this.#logger.error({ drift, revision: at }, 'the watch cache differs from the store: listing again');
    this.#reportBreak();
  }
}
