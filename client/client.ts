/**
 * The typed client: what every component, the CLI and user programs see of the API.
 * `HttpClient` (http-client.ts) implements it over TLS; the test harness implements it over an
 * in-process server. All errors are ApiErrors.
 */
import type { Resource } from '../api/kinds/resources.ts';
import type { KubeObject, ObjectList, WatchEvent } from '../api/meta/object-meta.ts';

/** Where an object is. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  namespace?: string;
  name: string;
}

export interface GetParameters {
  /** With `Exact`: the object as it was then. Otherwise: not older than this; "0": any cached state. */
  resourceVersion?: string;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  signal?: AbortSignal;
}

export interface ListParameters {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  signal?: AbortSignal;
}

export interface WatchParameters
  extends Pick<ListParameters, 'namespace' | 'labelSelector' | 'fieldSelector' | 'signal'> {
  /** Events after this version; absent or "0": begins with the current objects as ADDED. */
  resourceVersion?: string;
  /** The server ends the watch after so long; clients then go on from the last version. */
  timeoutSeconds?: number;
  sendInitialEvents?: boolean;
}

export interface WriteParameters {
  /** Check and answer, but store nothing. */
  dryRun?: boolean;
  fieldManager?: string;
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  signal?: AbortSignal;
}

export interface DeleteParameters {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: boolean;
  signal?: AbortSignal;
}

export type Patch =
  | { type: 'merge'; body: Record<string, unknown> }
  | { type: 'json'; body: { op: string; path: string; value?: unknown; from?: string }[] };

/** One task to put on one node. `uid`, when given, must still be the task's. */
export interface Bind {
  namespace: string;
  name: string;
  uid?: string;
  node: string;
  /** With any, the task is not bound but nominated: room comes when these have ended. */
  evictions?: readonly Eviction[];
}

/** One task to tell to end, with its grace period. */
export interface Eviction {
  namespace: string;
  name: string;
  uid?: string;
  /** One CamelCase word, and the same for people. */
  reason: string;
  message: string;
  /** It goes although its disruption budget cannot spare it, as the last resort of a more important task. */
  overridesBudget?: boolean;
}

/** What a scheduler decided, to be checked against the truth and done. */
export interface Plan {
  /** AllOrNothing: one refused bind refuses all. */
  mode: 'AllOrNothing' | 'Incremental';
  /** Refuse nodes whose allocation changed after this resourceVersion, whether or not the tasks would fit. */
  revision?: string;
  binds: readonly Bind[];
  /** Only with AllOrNothing, where with any eviction all tasks are nominated, none is bound. */
  evictions?: readonly Eviction[];
}

/** What became of each bind, in order: `undefined` means bound, or nominated. */
export type BindResult = Error | undefined;

/** An object on its way to being created: the server fills in what is missing. */
export type Draft<T extends KubeObject> = DeepPartial<T> & {
  metadata: { name?: string; generateName?: string; namespace?: string };
};

export type DeepPartial<T> = T extends (infer Item)[]
  ? DeepPartial<Item>[]
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T;

export interface Client {
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, parameters?: GetParameters): Promise<T>;
  list<T extends KubeObject>(resource: Resource<T>, parameters?: ListParameters): Promise<ObjectList<T>>;
  /** Ends when the server ends the stream or `signal` aborts; throws ApiError Expired when the version is gone. */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    parameters: WatchParameters,
  ): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(
    resource: Resource<T>,
    draft: Draft<T>,
    parameters?: WriteParameters,
  ): Promise<T>;
  /** Replaces the object; Conflict when its resourceVersion is no longer the current one. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, parameters?: WriteParameters): Promise<T>;
  updateStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    parameters?: WriteParameters,
  ): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Patch,
    parameters?: WriteParameters & { subresource?: 'status' | 'scale' | 'resize' },
  ): Promise<T>;
  delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    parameters?: DeleteParameters,
  ): Promise<void>;
  /** Binds in bulk. Rejects when the plan as a whole is wrong, or cannot evict all or nothing. */
  commit(plan: Plan): Promise<BindResult[]>;
  /** Any other path, parsed from JSON (discovery, OpenAPI, version). */
  raw(
    path: string,
    options?: {
      method?: string;
      body?: unknown;
      accept?: string;
      contentType?: string;
      signal?: AbortSignal;
    },
  ): Promise<unknown>;
  /** Any other path, as a stream of bytes (logs; with `accept`, also watches in another form, such as Table). */
  stream(path: string, signal?: AbortSignal, accept?: string): AsyncIterable<Buffer>;
}
