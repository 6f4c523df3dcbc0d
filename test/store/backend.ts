/** What the contract suite needs of a store under test: the same three verbs on every implementation. */
import type { Operation, Revision, Store, TransactionResult } from '../../api/store/store.ts';

export interface Backend {
  store: Store;
  /** Lets time pass for leases: a virtual clock moves, real etcd is waited for. */
  passTime(milliseconds: number): Promise<void>;
  /** Ends the store as a crash would and opens it again on the same data. Absent when nothing is durable. */
  restart?(): Promise<Store>;
  close(): Promise<void>;
}

export type OpenBackend = () => Promise<Backend>;

export const put = (key: string, value: string | Buffer, leaseId?: number): Operation => ({
  type: 'put',
  key,
  value: Buffer.from(value),
  ...(leaseId === undefined ? {} : { leaseId }),
});

export const remove = (key: string): Operation => ({ type: 'delete', key });

/** Writes without a condition; resolves with the revision. */
export async function write(store: Store, ...operations: Operation[]): Promise<Revision> {
  const { succeeded, revision } = await store.transact({ compares: [], operations });
  if (!succeeded) throw new Error('a transaction without compares failed');
  return revision;
}

export function compareAndPut(
  store: Store,
  key: string,
  modRevision: Revision,
  value: string,
): Promise<TransactionResult> {
  return store.transact({ compares: [{ key, modRevision }], operations: [put(key, value)] });
}

export async function keysOf(store: Store, prefix: string, revision?: Revision): Promise<string[]> {
  const { items } = await store.list(prefix, revision === undefined ? {} : { revision });
  return items.map(({ key }) => key);
}
