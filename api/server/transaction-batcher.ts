/**
 * Group commit over a store that costs a round trip per transaction (etcd): while enough transactions are
 * under way, further ones wait and go together as one. With little load nothing waits.
 *
 * Invariant: each transaction still succeeds or fails by itself. When a batch fails, the members whose own
 * compares hold go again; an unknown outcome is the outcome of every member.
 */
import type { Compare, Operation, Store, Transaction, TransactionResult } from '../store/store.ts';

/** The store as writers use it: its own `transact`, or a batcher's. */
export type WriteStore = Pick<Store, 'get' | 'transact'>;

const inFlightLimit = 2;
/** etcd takes 128 operations and 1.5 MiB in a transaction. */
const maxOperations = 100;
const maxBytes = 512 * 1024;
/** A member that lost its place in so many failed batches goes alone. */
const maxBatchAttempts = 3;

interface Member {
  transaction: Transaction;
  bytes: number;
  attempts: number;
  resolve: (result: TransactionResult) => void;
  reject: (error: unknown) => void;
}

export class TransactionBatcher {
  readonly #store: Pick<Store, 'transact'>;
  #waiting: Member[] = [];
  #inFlight = 0;

  constructor(store: Pick<Store, 'transact'>) {
    this.#store = store;
  }

  transact(transaction: Transaction): Promise<TransactionResult> {
    return new Promise((resolve, reject) => {
      const bytes = transaction.operations.reduce((sum, operation) => sum + sizeOf(operation), 0);
      this.#waiting.push({ transaction, bytes, attempts: 0, resolve, reject });
      this.#sendMore();
    });
  }

  #sendMore(): void {
    while (this.#inFlight < inFlightLimit && this.#waiting.length > 0) {
      this.#inFlight++;
      void this.#send(this.#takeBatch()).finally(() => {
        this.#inFlight--;
        this.#sendMore();
      });
    }
  }

  /** The members at the head of the queue that can go together; what touches the same key has to wait. */
  #takeBatch(): Batch {
    const batch = new Batch();
    this.#waiting = this.#waiting.filter((member) => !batch.add(member));
    return batch;
  }

  async #send({ members, compares, operations }: Batch): Promise<void> {
    try {
      const result = await this.#store.transact({ compares: [...compares.values()], operations });
      if (result.succeeded || members.length === 1) for (const { resolve } of members) resolve(result);
      else this.#settleFailed(members, [...compares.keys()], result);
    } catch (error) {
      for (const { reject } of members) reject(error);
    }
  }

  #settleFailed(
    members: readonly Member[],
    keys: readonly string[],
    { revision, current }: Extract<TransactionResult, { succeeded: false }>,
  ): void {
    const found = new Map(keys.map((key, index) => [key, current[index]]));
    for (const member of members) {
      const { compares } = member.transaction;
      const holds = compares.every(
        ({ key, modRevision }) => (found.get(key)?.modRevision ?? 0) === modRevision,
      );
      if (holds) this.#waiting.push({ ...member, attempts: member.attempts + 1 });
      else member.resolve({ succeeded: false, revision, current: compares.map(({ key }) => found.get(key)) });
    }
  }
}

class Batch {
  readonly members: Member[] = [];
  /** By key; members may share a compare, not contradict each other. */
  readonly compares = new Map<string, Compare>();
  readonly operations: Operation[] = [];
  readonly #written = new Set<string>();
  #bytes = 0;

  /** False when the member cannot go with those that are in. */
  add(member: Member): boolean {
    if (this.members.length > 0 && !this.#takes(member)) return false;
    const { compares, operations } = member.transaction;
    this.members.push(member);
    this.#bytes += member.bytes;
    for (const compare of compares) this.compares.set(compare.key, compare);
    for (const operation of operations) {
      this.operations.push(operation);
      this.#written.add(operation.key);
    }
    return true;
  }

  #takes({ transaction: { compares, operations }, bytes, attempts }: Member): boolean {
    if (attempts >= maxBatchAttempts || this.members.some((member) => member.attempts >= maxBatchAttempts))
      return false;
    if (this.#bytes + bytes > maxBytes) return false;
    if (this.operations.length + operations.length > maxOperations) return false;
    if (this.compares.size + compares.length > maxOperations) return false;
    return (
      compares.every(
        ({ key, modRevision }) =>
          !this.#written.has(key) && (this.compares.get(key)?.modRevision ?? modRevision) === modRevision,
      ) && operations.every(({ key }) => !this.#written.has(key) && !this.compares.has(key))
    );
  }
}

function sizeOf(operation: Operation): number {
  return operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
}
