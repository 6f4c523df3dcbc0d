/**
 * One group commit in the making: transactions are evaluated in turn against the published heads plus
 * what the batch already changed, and get their revisions.
 *
 * Pure bookkeeping, no I/O. Nothing outside sees any of it before the log has the batch; dropping the
 * object is the rollback.
 */
import { ApiError } from '../meta/api-error.ts';
import type { KeyIndex } from './key-index.ts';
import type { LeaseTable } from './lease-table.ts';
import type { LeaseRecord, LogBatch, LogEntry } from './revision-log.ts';
import type { KeyValue, Operation, Revision, StoreEvent, Transaction, TransactionResult } from './store.ts';

export interface PublishedState {
  readonly index: KeyIndex;
  readonly leases: LeaseTable;
  readonly revision: Revision;
}

export class CommitBatch implements LogBatch {
  readonly entries: LogEntry[] = [];
  readonly grantedLeases: LeaseRecord[] = [];
  readonly revokedLeases: number[] = [];
  revision: Revision;
  readonly #published: PublishedState;
  readonly #heads = new Map<string, KeyValue | undefined>();
  /** True: granted in this batch; false: revoked in it. */
  readonly #leases = new Map<number, boolean>();

  constructor(published: PublishedState) {
    this.#published = published;
    this.revision = published.revision;
  }

  get isEmpty(): boolean {
    return this.entries.length + this.grantedLeases.length + this.revokedLeases.length === 0;
  }

  get events(): StoreEvent[] {
    return this.entries.map(({ event }) => event);
  }

  /** Throws ApiError NotFound when a put names a lease that does not exist. */
  transact({ compares, operations }: Transaction): TransactionResult {
    const current = compares.map(({ key }) => this.#head(key));
    const holds = compares.every(({ modRevision }, at) => (current[at]?.modRevision ?? 0) === modRevision);
    if (!holds) return { succeeded: false, revision: this.revision, current };
    this.#assertLeases(operations);
    this.#apply(operations);
    return { succeeded: true, revision: this.revision };
  }

  grant(lease: LeaseRecord): void {
    this.grantedLeases.push(lease);
    this.#leases.set(lease.id, true);
  }

  /** Ends a lease and deletes its keys at one revision. Does nothing when the lease is gone. */
  revoke(id: number): void {
    if (!this.#hasLease(id)) return;
    const candidates = new Set([...this.#published.leases.keysOf(id), ...this.#heads.keys()]);
    const keys = [...candidates].filter((key) => this.#head(key)?.leaseId === id).sort();
    this.#apply(keys.map((key) => ({ type: 'delete', key })));
    this.revokedLeases.push(id);
    this.#leases.set(id, false);
  }

  #head(key: string): KeyValue | undefined {
    return this.#heads.has(key) ? this.#heads.get(key) : this.#published.index.current(key);
  }

  #hasLease(id: number): boolean {
    return this.#leases.get(id) ?? this.#published.leases.has(id);
  }

  #assertLeases(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.type !== 'put' || !operation.leaseId || this.#hasLease(operation.leaseId)) continue;
      throw new ApiError('NotFound', `lease ${operation.leaseId} does not exist`);
    }
  }

  #apply(operations: readonly Operation[]): void {
    const revision = this.revision + 1;
    const before = this.entries.length;
    for (const operation of operations) {
      const event = this.#eventOf(operation, revision);
      if (!event) continue;
      this.#heads.set(operation.key, event.type === 'put' ? event.kv : undefined);
      this.entries.push({ revision, sub: this.entries.length - before, event });
    }
    if (this.entries.length > before) this.revision = revision;
  }

  #eventOf(operation: Operation, modRevision: Revision): StoreEvent | undefined {
    const { key } = operation;
    const previous = this.#head(key);
    if (operation.type === 'delete') {
      return previous && { type: 'delete', key, modRevision };
    }
    const kv: KeyValue = {
      key,
      value: operation.value,
      createRevision: previous?.createRevision ?? modRevision,
      modRevision,
      version: (previous?.version ?? 0) + 1,
      leaseId: operation.leaseId ?? 0,
    };
    return { type: 'put', kv };
  }
}
