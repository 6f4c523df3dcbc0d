/**
 * An API server reduced to what a client can tell: revisions, pages at a snapshot, ordered watches with
 * bookmarks, 410 after compaction, optimistic concurrency. Tests that run on it run on the real server
 * too (contract.test.ts).
 */
import type { Resource } from '../../api/kinds/resources.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import type { Clock } from '../../api/meta/clock.ts';
import { matchesLabels, parseLabelSelector } from '../../api/meta/label-selector.ts';
import {
  type AnyObject,
  type KubeObject,
  keyOf,
  timestamp,
  type WatchEvent,
} from '../../api/meta/object-meta.ts';
import type {
  Client,
  DeleteParameters,
  Draft,
  ListParameters,
  ObjectKey,
  WatchParameters,
} from '../../client/client.ts';

interface Recorded {
  revision: number;
  path: string;
  event: WatchEvent<AnyObject>;
}

export class FakeCluster {
  readonly client: Client;
  revision = 0;
  compactedRevision = 0;
  bookmarkMs = 10_000;
  openWatches = 0;
  readonly #clock: Clock;
  readonly #objects = new Map<string, AnyObject>();
  readonly #history: Recorded[] = [];
  readonly #wakers = new Set<() => void>();
  #uids = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    const unsupported = (): never => {
      throw new ApiError('MethodNotAllowed', 'the fake cluster does not have this');
    };
    this.client = {
      get: async (resource, key) => copy(this.#existing(resource, key)) as never,
      list: async (resource, parameters) => this.#list(resource, parameters) as never,
      watch: (resource, parameters) => this.#watch(resource, parameters) as never,
      create: async (resource, draft) => this.#create(resource, draft) as never,
      update: async (resource, object) => this.#update(resource, object) as never,
      updateStatus: async (resource, object) => this.#update(resource, object) as never,
      patch: async (resource, key, { body }) => this.#patch(resource, key, body) as never,
      delete: async (resource, key, parameters) => this.#delete(resource, key, parameters),
      commit: unsupported,
      raw: unsupported,
      stream: unsupported,
    };
  }

  /** Forgets history: watches from before now get 410. */
  compact(): void {
    this.compactedRevision = this.revision;
    this.#history.length = 0;
  }

  #create<T extends KubeObject>(resource: Resource<T>, draft: Draft<T>): AnyObject {
    const path = pathOf(resource, draft.metadata as ObjectKey);
    if (this.#objects.has(path)) throw new ApiError('AlreadyExists', `${path} exists`);
    const { apiVersion, kind } = resource;
    const object = copy({ apiVersion, kind, ...draft }) as AnyObject;
    object.metadata.uid = `uid-${++this.#uids}`;
    object.metadata.creationTimestamp = timestamp(this.#clock.now());
    return this.#commit('ADDED', path, object);
  }

  #update(resource: Resource<KubeObject>, object: KubeObject): AnyObject {
    const known = this.#existing(resource, object.metadata);
    const { resourceVersion, uid } = object.metadata;
    if (resourceVersion && resourceVersion !== known.metadata.resourceVersion)
      throw new ApiError('Conflict', `${keyOf(object)} changed`);
    if (uid && uid !== known.metadata.uid) throw new ApiError('Conflict', `${keyOf(object)} is another one`);
    return this.#commit('MODIFIED', pathOf(resource, object.metadata), copy(object) as AnyObject);
  }

  #patch(resource: Resource<KubeObject>, key: ObjectKey, body: object): AnyObject {
    return this.#commit('MODIFIED', pathOf(resource, key), merged(this.#existing(resource, key), body));
  }

  #delete(resource: Resource<KubeObject>, key: ObjectKey, { preconditions }: DeleteParameters = {}): void {
    const known = this.#existing(resource, key);
    if (preconditions?.uid && preconditions.uid !== known.metadata.uid)
      throw new ApiError('Conflict', `${keyOf(known)} is another one`);
    this.#commit('DELETED', pathOf(resource, key), copy(known));
  }

  #existing(resource: Resource<KubeObject>, key: ObjectKey): AnyObject {
    const object = this.#objects.get(pathOf(resource, key));
    if (!object) throw new ApiError('NotFound', `${resource.plural} "${key.name}" not found`);
    return object;
  }

  #commit(type: 'ADDED' | 'MODIFIED' | 'DELETED', path: string, object: AnyObject): AnyObject {
    object.metadata.resourceVersion = String(++this.revision);
    if (type === 'DELETED') this.#objects.delete(path);
    else this.#objects.set(path, object);
    this.#history.push({ revision: this.revision, path, event: { type, object } });
    for (const wake of [...this.#wakers]) wake();
    return copy(object);
  }

  #list(resource: Resource<KubeObject>, parameters: ListParameters = {}) {
    if (parameters.signal?.aborted) throw new ApiError('Timeout', 'aborted');
    const [at, from] = parameters.continue?.split(' ') ?? [String(this.revision), ''];
    if (Number(at) < this.compactedRevision) throw new ApiError('Expired', 'the continue token is too old');
    const all = [...this.#stateAt(Number(at))]
      .filter(([path, object]) => path > from! && isIn(resource, parameters, path, object))
      .sort(([left], [right]) => (left < right ? -1 : 1));
    const page = all.slice(0, parameters.limit ?? all.length);
    const metadata = {
      resourceVersion: at!,
      ...(page.length < all.length && { continue: `${at} ${page.at(-1)![0]}` }),
    };
    const { apiVersion, kind } = resource;
    return { apiVersion, kind: `${kind}List`, metadata, items: page.map(([, object]) => copy(object)) };
  }

  #stateAt(revision: number): Map<string, AnyObject> {
    const state = new Map(this.#objects);
    for (const { revision: later, path } of this.#history.toReversed()) {
      if (later <= revision) break;
      const before = this.#history.findLast((entry) => entry.path === path && entry.revision < later);
      if (before && before.event.type !== 'DELETED') state.set(path, before.event.object as AnyObject);
      else state.delete(path);
    }
    return state;
  }

  async *#watch(
    resource: Resource<KubeObject>,
    parameters: WatchParameters,
  ): AsyncGenerator<WatchEvent<AnyObject>> {
    let at = Number(parameters.resourceVersion ?? this.revision);
    const { signal } = parameters;
    this.openWatches++;
    try {
      while (!signal?.aborted) {
        if (at < this.compactedRevision) throw new ApiError('Expired', `too old resource version: ${at}`);
        for (const { revision, path, event } of this.#history.filter((entry) => entry.revision > at)) {
          at = revision;
          if (isIn(resource, parameters, path, event.object as AnyObject)) yield copy(event);
        }
        if (at < this.revision || signal?.aborted) continue;
        if (!(await this.#nextCommit(signal))) {
          const { apiVersion, kind } = resource;
          yield { type: 'BOOKMARK', object: { apiVersion, kind, metadata: { resourceVersion: String(at) } } };
        }
      }
    } finally {
      this.openWatches--;
    }
  }

  /** False when it is time for a bookmark instead. */
  #nextCommit(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (committed: boolean): void => {
        timer.cancel();
        this.#wakers.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve(committed);
      };
      const wake = (): void => finish(true);
      const timer = this.#clock.after(this.bookmarkMs, () => finish(false));
      this.#wakers.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }
}

function pathOf({ plural }: Resource<KubeObject>, { namespace = '', name }: ObjectKey): string {
  return `${plural}/${namespace}/${name}`;
}

function isIn(
  { plural }: Resource<KubeObject>,
  { namespace, labelSelector = '' }: ListParameters,
  path: string,
  { metadata }: AnyObject,
): boolean {
  return (
    path.startsWith(`${plural}/${namespace === undefined ? '' : `${namespace}/`}`) &&
    matchesLabels(parseLabelSelector(labelSelector), metadata.labels)
  );
}

/** RFC 7386. */
function merged<T extends object>(target: T, patch: object): T {
  const result = copy(target) as Record<string, unknown>;
  for (const [field, value] of Object.entries(patch)) {
    const known = result[field];
    if (value === null) delete result[field];
    else if (typeof value === 'object' && !Array.isArray(value)) result[field] = merged(known ?? {}, value);
    else result[field] = value;
  }
  return result as T;
}

function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
