/**
 * Custom kinds at run time: watches the definitions in the watch cache, serves the kinds of those that are
 * established, writes their statuses, and empties those that are being deleted.
 *
 * Invariant: a kind is served here exactly while the cache holds its definition with Established=True, so
 * all API servers of a cluster come to serve the same. Whoever learns of a definition's state from this
 * server finds its kinds served.
 */

import { customKinds, storedKind } from '../../kinds/custom-kind.ts';
import type { CustomResourceDefinition } from '../../kinds/custom-resource-definition.ts';
import type { AnyKind } from '../../kinds/define-kind.ts';
import { customResourceFinalizer, names } from '../../kinds/names.ts';
import { hasReason } from '../../meta/api-error.ts';
import { Loop } from '../../meta/loop.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Backend } from '../call.ts';
import { mapConcurrently } from '../concurrency.ts';
import type { KindCache, KindEvent } from '../kind-cache.ts';
import { sameJson } from '../object-bytes.ts';
import { isDoneDeleting, markDeleted } from '../object-lifecycle.ts';
import type { Change } from '../object-store.ts';
import { decideDefinitions, isEstablished, type SeenDefinition } from './decide-definitions.ts';

const idleMs = 60_000;
/** Between two looks at objects that finalizers hold. */
const emptyingMs = 200;

interface Served {
  /** What the kinds were made of. */
  origin: string;
  kinds: AnyKind[];
}

export class CustomKinds {
  readonly #backend: Backend;
  readonly #builtin: readonly AnyKind[];
  readonly #definitionKind: AnyKind | undefined;
  readonly #served = new Map<string, Served>();
  readonly #loop: Loop;
  #unsubscribe: () => void = () => {};

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#builtin = backend.kinds.all().map(({ kind }) => kind);
    const { group, version, plural } = names.CustomResourceDefinition;
    this.#definitionKind = backend.kinds.byPlural(group, version, plural)?.kind;
    const { clock, logger } = backend;
    this.#loop = new Loop({
      name: 'custom-kinds',
      step: (signal) => this.#settle(signal),
      intervalMs: idleMs,
      backoff: { baseMs: 100, maxMs: 5_000 },
      clock,
      logger,
    });
  }

  /** Serves what the cache, which is filled, has established. */
  start(): void {
    if (!this.#definitionKind) return;
    this.#unsubscribe = this.#cache.subscribe({
      onEvent: (event) => this.#onEvent(event),
      onReset: () => this.#serveAll(),
    });
    this.#serveAll();
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#loop.stop();
  }

  get #cache(): KindCache {
    return this.#backend.cache.kind(names.CustomResourceDefinition);
  }

  #onEvent({ type, object }: KindEvent): void {
    if (type === 'DELETED') this.#serve(object.key, undefined);
    else this.#serve(object.key, definitionOf(object));
    this.#loop.wake();
  }

  #serveAll(): void {
    for (const name of this.#served.keys()) if (!this.#cache.get(name)) this.#serve(name, undefined);
    for (const object of this.#cache.list()) this.#serve(object.key, definitionOf(object));
    this.#loop.wake();
  }

  #serve(name: string, definition: CustomResourceDefinition | undefined): void {
    const before = this.#served.get(name);
    const isServed = definition !== undefined && isEstablished(definition);
    const origin = isServed ? originOf(definition) : '';
    if ((before?.origin ?? '') === origin) return;
    const { kinds, hubs } = this.#backend;
    for (const kind of before?.kinds ?? []) {
      kinds.remove(kind);
      hubs.end(kind);
    }
    this.#served.delete(name);
    if (!isServed) return;
    const served = { origin, kinds: customKinds(definition) };
    this.#served.set(name, served);
    for (const kind of served.kinds) kinds.put(kind);
  }

  /** One turn: statuses of all definitions, then the next step for each that is being deleted. */
  async #settle(signal: AbortSignal): Promise<number | undefined> {
    const { cache, clock } = this.#backend;
    await cache.waitUntilCurrent();
    const seen: SeenDefinition[] = [...this.#cache.list()].map((object) => ({
      definition: definitionOf(object),
      revision: object.revision,
    }));
    const statuses = decideDefinitions(seen, this.#builtin, clock.now());
    let isEmptying = false;
    for (const { definition } of seen) {
      if (signal.aborted) return undefined;
      const status = statuses.get(definition.metadata.name);
      if (!sameJson(definition.status, status))
        await this.#change(definition, (current) => ({ ...current, status: status ?? {} }));
      else if (isHeld(definition)) isEmptying = !(await this.#empty(definition)) || isEmptying;
    }
    return isEmptying ? emptyingMs : undefined;
  }

  /** Changes the definition as it was seen; one that others changed comes back by its event. */
  async #change(
    { metadata }: CustomResourceDefinition,
    change: (current: AnyObject) => AnyObject,
  ): Promise<void> {
    const decide = (current: CachedObject): Change => {
      const object = current.parse();
      if (
        object.metadata.uid !== metadata.uid ||
        object.metadata.resourceVersion !== metadata.resourceVersion
      )
        return { type: 'put', object };
      const next = change(object);
      return isDoneDeleting(next) ? { type: 'remove' } : { type: 'put', object: next };
    };
    await unlessGone(
      this.#backend.objects.change(this.#definitionKind!, metadata.name, decide, { dryRun: false }),
    );
  }

  /** Deletes the objects; when none is left, lets the definition go. True when it did. */
  async #empty(definition: CustomResourceDefinition): Promise<boolean> {
    const { cache, objects, clock } = this.#backend;
    const kind = storedKind(definition);
    const keys = [...cache.kind(kind).keys];
    if (keys.length === 0) {
      await this.#change(definition, withoutHold);
      return true;
    }
    const decide = (current: CachedObject): Change => {
      const next = markDeleted(kind, current.parse(), {}, clock.now());
      return isDoneDeleting(next) ? { type: 'remove' } : { type: 'put', object: next };
    };
    await mapConcurrently(keys, 32, (key) =>
      unlessGone(objects.change(kind, key, decide, { dryRun: false })),
    );
    return false;
  }
}

function definitionOf(object: CachedObject): CustomResourceDefinition {
  return object.parse() as unknown as CustomResourceDefinition;
}

/** Everything about a definition that its kinds are made of. */
function originOf({ metadata, spec, status }: CustomResourceDefinition): string {
  return JSON.stringify([
    metadata.uid,
    spec,
    status?.acceptedNames,
    metadata.deletionTimestamp !== undefined,
  ]);
}

function isHeld({ metadata }: CustomResourceDefinition): boolean {
  return (
    metadata.deletionTimestamp !== undefined &&
    metadata.finalizers?.includes(customResourceFinalizer) === true
  );
}

function withoutHold(object: AnyObject): AnyObject {
  const { finalizers = [], ...metadata } = object.metadata;
  const kept = finalizers.filter((name) => name !== customResourceFinalizer);
  return { ...object, metadata: kept.length > 0 ? { ...metadata, finalizers: kept } : metadata };
}

async function unlessGone(change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
