/**
 * A live, local copy of one collection, and word of every change to it. Stands between the reflector,
 * which feeds it, and the handlers, which mostly put keys into a work queue.
 *
 *   const tasks = new Informer({ client, resource: Task });
 *   tasks.onChange(({ object }) => queue.add(keyOf(object)));
 *   tasks.start();  await tasks.whenSynced();  tasks.cache.get('default/web-0-0');
 *
 * Invariant: the cache changes first, then handlers hear of it; the changes a handler hears, applied in
 * order, always give the cache. An object that was deleted and made again under its name is a deletion
 * and an addition, never an update. A handler that throws harms nobody else.
 */
import type { Resource } from '../api/kinds/resources.ts';
import type { Clock } from '../api/meta/clock.ts';
import { type Logger, silentLogger } from '../api/meta/logger.ts';
import { type KubeObject, keyOf } from '../api/meta/object-meta.ts';
import type { Random } from '../api/meta/random.ts';
import type { Client } from './client.ts';
import { type IndexFunction, ObjectCache, type ObjectReader } from './object-cache.ts';
import { type ObjectEvent, Reflector, type ReflectorState, type Scope } from './reflector.ts';

/** What happened to one object. Objects are shared: read them, never change them. */
export type Change<T extends KubeObject> =
  | { type: 'added'; object: T }
  | { type: 'updated'; object: T; old: T }
  /** `object` is the last state; when the deletion fell into a gap of the watch, the last one known. */
  | { type: 'deleted'; object: T };

export type ChangeHandler<T extends KubeObject> = (change: Change<T>) => void;

export interface InformerOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  scope?: Scope;
  /** Runs on each object before it is kept: drop what nobody reads, freeze it in tests. */
  transform?: (object: T) => T;
  pageSize?: number;
  stallMs?: number;
  clock?: Clock;
  random?: Random;
  logger?: Logger;
}

export class Informer<T extends KubeObject> {
  readonly resource: Resource<T>;
  /** Changes delivered, and handlers that threw: for metrics. */
  changes = 0;
  handlerErrors = 0;
  readonly #cache = new ObjectCache<T>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #transform: ((object: T) => T) | undefined;
  readonly #logger: Logger;
  readonly #reflector: Reflector<T>;
  #hasSynced = false;
  readonly #awaitingSync: (() => void)[] = [];

  constructor({ transform, ...options }: InformerOptions<T>) {
    this.resource = options.resource;
    this.#transform = transform;
    this.#logger = options.logger ?? silentLogger;
    this.#reflector = new Reflector({
      ...options,
      sink: { replace: (objects) => this.#replace(objects), apply: (event) => this.#apply(event) },
    });
  }

  get cache(): ObjectReader<T> {
    return this.#cache;
  }

  /** True once the first whole list is in the cache and its handlers have run; never false again. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get state(): ReflectorState {
    return this.#reflector.state;
  }

  /** The version the cache is at. */
  get resourceVersion(): string | undefined {
    return this.#reflector.resourceVersion;
  }

  whenSynced(): Promise<void> {
    return this.#hasSynced ? Promise.resolve() : new Promise((resolve) => this.#awaitingSync.push(resolve));
  }

  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    this.#cache.addIndex(name, valuesOf);
  }

  /** Calls `handler` for every change from now on, after an `added` for each object already there. Returns the way out. */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#cache.list()) this.#tell(handler, { type: 'added', object });
    return () => this.#handlers.delete(handler);
  }

  start(): this {
    this.#reflector.start();
    return this;
  }

  stop(): Promise<void> {
    return this.#reflector.stop();
  }

  #replace(objects: T[]): void {
    const changes: Change<T>[] = [];
    const gone = new Set(this.#cache.keys());
    for (const object of objects) {
      gone.delete(keyOf(object));
      this.#store(object, changes);
    }
    for (const key of gone) changes.push({ type: 'deleted', object: this.#cache.remove(key)! });
    this.#deliver(changes);
    this.#hasSynced = true;
    for (const resolve of this.#awaitingSync.splice(0)) resolve();
  }

  #apply({ type, object }: ObjectEvent<T>): void {
    const changes: Change<T>[] = [];
    if (type === 'DELETED') this.#drop(object, changes);
    else this.#store(object, changes);
    this.#deliver(changes);
  }

  #store(arrived: T, changes: Change<T>[]): void {
    const known = this.#cache.get(keyOf(arrived));
    if (known && sameVersion(known, arrived)) return;
    const object = this.#transform ? this.#transform(arrived) : arrived;
    this.#cache.set(object);
    if (known && known.metadata.uid === object.metadata.uid) {
      changes.push({ type: 'updated', object, old: known });
    } else {
      if (known) changes.push({ type: 'deleted', object: known });
      changes.push({ type: 'added', object });
    }
  }

  #drop(arrived: T, changes: Change<T>[]): void {
    const known = this.#cache.get(keyOf(arrived));
    // The end of an earlier object of that name says nothing about the one that is there now.
    if (!known || known.metadata.uid !== arrived.metadata.uid) return;
    this.#cache.remove(keyOf(arrived));
    changes.push({ type: 'deleted', object: this.#transform ? this.#transform(arrived) : arrived });
  }

  #deliver(changes: readonly Change<T>[]): void {
    this.changes += changes.length;
    // A handler registered meanwhile has been told of these by its first `added`s.
    const handlers = [...this.#handlers];
    for (const change of changes) {
      for (const handler of handlers) this.#tell(handler, change);
    }
  }

  #tell(handler: ChangeHandler<T>, change: Change<T>): void {
    const report = (error: unknown): void => {
      this.handlerErrors++;
      const { plural } = this.resource;
      this.#logger.error({ err: error, resource: plural, key: keyOf(change.object) }, 'change handler threw');
    };
    try {
      const result: unknown = handler(change);
      // An async function passes as a handler too; its rejection must not end the process.
      if (result instanceof Promise) result.catch(report);
    } catch (error) {
      report(error);
    }
  }
}

function sameVersion(left: KubeObject, right: KubeObject): boolean {
  return (
    left.metadata.uid === right.metadata.uid &&
    left.metadata.resourceVersion !== undefined &&
    left.metadata.resourceVersion === right.metadata.resourceVersion
  );
}
