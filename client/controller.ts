/**
 * How a controller is described: what it is about, what else makes it look again, and its reconcile
 * function. A description does nothing by itself; `ControllerRuntime` runs it.
 *
 *   controller(Job)
 *     .owns(Task)                                             // a change of a task wakes its job
 *     .watches(Node, (node, caches) => caches.cache(Task).by('node', node.metadata.name).map(jobKeyOf))
 *     .options({ concurrency: 4 })
 *     .reconcile(async (job, context) => {
 *       const tasks = context.cache(Task).ownedBy(job);
 *       for (const action of decideJob(job, tasks, context.clock.now())) await act(action, context.client);
 *       return { requeueAfterMs: 60_000 };
 *     });
 *
 * Data flow: informer change → predicate → keys → work queue → reconcile(object) → result.
 * Reconcile is level-based: it is told which object, never what happened, and compares what is with
 * what should be. It may be called at any time, any number of times, and be cut off between any two writes.
 */
import type { Resource } from '../api/kinds/resources.ts';
import type { Clock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import type { Backoff } from '../api/meta/loop.ts';
import { controllerOf, type KubeObject, keyOf } from '../api/meta/object-meta.ts';
import type { Random } from '../api/meta/random.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { Change, Informer } from './informer.ts';
import type { IndexFunction, ObjectReader } from './object-cache.ts';

/** When to look again even if nothing changes; nothing means only on a change. */
export interface Result {
  requeueAfterMs: number;
}

/** What a reconcile function gives: nothing, or when to look again. */
export type Reconciliation = Promise<Result | undefined> | Promise<void>;

/** An error that trying again cannot cure: logged and counted, and quiet until the object changes. */
export class TerminalError extends Error {
  override name = 'TerminalError';
}

export interface Caches {
  /** The shared cache of a kind this controller named with `owns`, `watches` or `reads`. */
  cache<T extends KubeObject>(resource: Resource<T>): ObjectReader<T>;
}

export interface ReconcileContext extends Caches {
  key: string;
  /** Refuses calls once `signal` has aborted: work that was given up can no longer write. */
  client: Client;
  /** Aborts when the reconcile takes longer than `timeoutMs`, leadership is lost or the runtime stops hard. */
  signal: AbortSignal;
  events: EventRecorder;
  clock: Clock;
  random: Random;
  logger: Logger;
}

export interface ControllerOptions {
  /** Different objects reconciled at the same time; default 4. */
  concurrency?: number;
  /** One reconcile is given up after so long; default 60 s. */
  timeoutMs?: number;
  /** Pause after a failed reconcile of a key; default 5 ms doubling to 5 minutes. */
  backoff?: Backoff;
  /** Default: the plural of the resource. */
  name?: string;
}

export type Predicate<T extends KubeObject> = (change: Change<T>) => boolean;

/** Gives the keys to reconcile because of an object of another kind. */
export type KeyMapping<T extends KubeObject> = (object: T, caches: Caches) => Iterable<string>;

/** What sources are attached to: the runtime. */
export interface Informers {
  informer<T extends KubeObject>(resource: Resource<T>): Informer<T>;
}

/** Registers handlers that give keys to `enqueue`. Runs before the informers start. */
export type Source = (informers: Informers, caches: Caches, enqueue: (key: string) => void) => void;

export interface ControllerDefinition {
  name: string;
  options: Required<Omit<ControllerOptions, 'name'>>;
  sources: readonly Source[];
  /** Every kind whose cache reconcile may read. */
  resources: readonly Resource<KubeObject>[];
  reconcile: (key: string, context: ReconcileContext) => Reconciliation;
}

export function controller<T extends KubeObject>(resource: Resource<T>): ControllerBuilder<T> {
  return new ControllerBuilder(resource);
}

/** Passes what changes what is wanted: new objects, deletions (also only asked for), new generations. */
export const generationChanged: Predicate<KubeObject> = (change) =>
  change.type !== 'updated' ||
  change.object.metadata.generation !== change.old.metadata.generation ||
  change.object.metadata.deletionTimestamp !== change.old.metadata.deletionTimestamp;

export class ControllerBuilder<T extends KubeObject> {
  readonly #resource: Resource<T>;
  readonly #sources: Source[] = [];
  readonly #resources: Resource<KubeObject>[];
  #predicate: Predicate<T> = () => true;
  #options: ControllerOptions = {};

  constructor(resource: Resource<T>) {
    this.#resource = resource;
    this.#resources = [resource];
  }

  /** Reconcile the owner when an object it controls (ownerReferences) changes. */
  owns<O extends KubeObject>(owned: Resource<O>, predicate: Predicate<O> = () => true): this {
    return this.watches(owned, (object) => ownerKeys(object, this.#resource), predicate);
  }

  /** Reconcile the keys that `map` gives when an object of another kind changes. */
  watches<O extends KubeObject>(
    resource: Resource<O>,
    map: KeyMapping<O>,
    predicate: Predicate<O> = () => true,
  ): this {
    this.reads(resource);
    this.#sources.push((informers, caches, enqueue) => {
      informers.informer(resource).onChange((change) => {
        if (!predicate(change)) return;
        // The old state too: what an object pointed at before has to let go of it.
        if (change.type === 'updated') for (const key of map(change.old, caches)) enqueue(key);
        for (const key of map(change.object, caches)) enqueue(key);
      });
    });
    return this;
  }

  /** Reconcile may read the cache of this kind; its changes wake nobody. */
  reads<O extends KubeObject>(resource: Resource<O>): this {
    this.#resources.push(resource);
    return this;
  }

  /** Adds an index to the shared cache of a kind: `context.cache(Task).by('node', name)`. */
  index<O extends KubeObject>(resource: Resource<O>, name: string, valuesOf: IndexFunction<O>): this {
    this.reads(resource);
    this.#sources.push((informers) => informers.informer(resource).addIndex(name, valuesOf));
    return this;
  }

  /** Which changes of the resource itself count; default all. */
  when(predicate: Predicate<T>): this {
    this.#predicate = predicate;
    return this;
  }

  options(options: ControllerOptions): this {
    this.#options = { ...this.#options, ...options };
    return this;
  }

  /** Ends the description. `reconcile` gets the newest cached object; keys of objects that are gone are dropped. */
  reconcile(reconcile: (object: T, context: ReconcileContext) => Reconciliation): ControllerDefinition {
    return this.reconcileKey((key, context) => {
      const object = context.cache(this.#resource).get(key);
      return object ? reconcile(object, context) : Promise.resolve(undefined);
    });
  }

  /** Like `reconcile` for controllers that also care for keys whose object is gone. */
  reconcileKey(reconcile: (key: string, context: ReconcileContext) => Reconciliation): ControllerDefinition {
    const { name = this.#resource.plural, concurrency = 4, timeoutMs = 60_000 } = this.#options;
    const { backoff = { baseMs: 5, maxMs: 300_000 } } = this.#options;
    return {
      name,
      options: { concurrency, timeoutMs, backoff },
      sources: [...this.#sources, this.#primarySource()],
      resources: this.#resources,
      reconcile,
    };
  }

  #primarySource(): Source {
    const [resource, predicate] = [this.#resource, this.#predicate];
    return (informers, _caches, enqueue) => {
      informers.informer(resource).onChange((change) => {
        if (predicate(change)) enqueue(keyOf(change.object));
      });
    };
  }
}

function ownerKeys(object: KubeObject, owner: Resource<KubeObject>): string[] {
  const reference = controllerOf(object);
  if (reference?.kind !== owner.kind || reference.apiVersion !== owner.apiVersion) return [];
  const { namespace } = object.metadata;
  const place = owner.namespaced && namespace !== undefined ? { namespace } : {};
  return [keyOf({ metadata: { ...place, name: reference.name } })];
}
