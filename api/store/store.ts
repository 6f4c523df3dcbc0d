/**
 * The store: one ordered map of keys to versioned values, with one revision counter over all of it.
 *
 * The semantics are etcd's. Every successful transaction that changes something makes exactly one new
 * revision; a failed one, and a delete of nothing, makes none. `memory`, `embedded` and `etcd` implement
 * this and pass one contract suite (test/store/contract.ts); only the API server uses it.
 *
 * Errors are ApiErrors:
 *   Expired             the revision asked for was compacted (message names the compact revision)
 *   BadRequest          the revision asked for is in the future
 *   NotFound            the lease a put names does not exist; nothing was written
 *   RequestEntityTooLarge  a transaction over `maxValueBytes` in total; nothing was written, the connection stays good
 *   Timeout             no answer: a transaction happened 0 or 1 times. Never retried in here
 *   ServiceUnavailable  the store cannot be reached, or is closed; nothing was written
 *   InsufficientStorage disk or quota full; nothing was written
 */

/** 1.5 MiB, etcd's limit for a request: keys, values and about 100 bytes for each of them. */
export const maxValueBytes = 1_572_864;

/** Revisions are counted in safe integers here (2^53 last 28,000 years at 10,000 a second), strings in the API. */
export type Revision = number;

export interface KeyValue {
  key: string;
  value: Buffer;
  createRevision: Revision;
  modRevision: Revision;
  /** 1 on creation, +1 with every put. */
  version: number;
  /** 0: no lease. */
  leaseId: number;
}

export interface ListOptions {
  /** Read at this revision; default the latest. */
  revision?: Revision;
  /** At most so many keys; default all. */
  limit?: number;
  /** Only keys after this one (exclusive): the last key of the page before. */
  after?: string;
}

export interface ListResult {
  /** The revision the read was served at: `options.revision`, or the latest. */
  revision: Revision;
  items: KeyValue[];
  /** True when keys follow after the last item. */
  more: boolean;
  /** How many keys there are from `after` on, these included. */
  count: number;
}

/** Holds when the key's modRevision is exactly this; 0 means the key does not exist. */
export interface Compare {
  key: string;
  modRevision: Revision;
}

/** The store keeps `value` itself, not a copy: it must not be changed any more. */
export type Operation =
  | { type: 'put'; key: string; value: Buffer; leaseId?: number }
  | { type: 'delete'; key: string };

export interface Transaction {
  compares: readonly Compare[];
  /**
   * Happen all at one revision when every compare holds, else not at all. No key twice, at most 10,000
   * (etcd by default 128: start it with --max-txn-ops=10000).
   */
  operations: readonly Operation[];
}

export type TransactionResult =
  | { succeeded: true; revision: Revision }
  /** `current` has what each compared key holds now, in the order of the compares. */
  | { succeeded: false; revision: Revision; current: (KeyValue | undefined)[] };

export type StoreEvent =
  | { type: 'put'; kv: KeyValue }
  | { type: 'delete'; key: string; modRevision: Revision };

export interface WatchHandler {
  /**
   * All events of one or more whole revisions, in order; a revision is never split over two calls.
   * `revision` is the last one contained. The array is shared with other watchers: it must not be changed.
   */
  onEvents(events: StoreEvent[], revision: Revision): void;
  /** The watch is over (Expired, or the store was closed). Called at most once; no events after it. */
  onError(error: Error): void;
}

export interface Watch {
  /** Ends the watch; no handler is called after it returns. */
  cancel(): void;
}

export interface StoreStatus {
  revision: Revision;
  compactRevision: Revision;
  /** Bytes on disk or in memory, as far as the store knows. */
  sizeBytes: number;
}

export interface Store {
  /** Linearizable unless a revision is given. */
  get(
    key: string,
    options?: { revision?: Revision },
  ): Promise<{ revision: Revision; kv: KeyValue | undefined }>;
  /** All keys that begin with `prefix`, in byte order. Linearizable unless a revision is given. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  transact(transaction: Transaction): Promise<TransactionResult>;
  /**
   * Events of keys that begin with `prefix`, from `fromRevision` on (inclusive, may be in the future).
   * Survives reconnects without loss or repetition.
   */
  watch(prefix: string, fromRevision: Revision, handler: WatchHandler): Watch;
  /** Keys put with the lease are deleted when it has not been kept alive for `ttlSeconds`. Returns its id. */
  grantLease(ttlSeconds: number): Promise<number>;
  /** False when the lease is gone. */
  keepLeaseAlive(leaseId: number): Promise<boolean>;
  revokeLease(leaseId: number): Promise<void>;
  /** Forgets what was superseded at or before `revision`. Idempotent. */
  compact(revision: Revision): Promise<void>;
  status(): Promise<StoreStatus>;
  close(): Promise<void>;
}
