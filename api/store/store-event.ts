/** Small questions about events and transactions that every implementation asks the same way. */
import { ApiError } from '../meta/api-error.ts';
import { maxValueBytes, type Revision, type StoreEvent, type Transaction } from './store.ts';

/** A transaction is one atomic step for every watcher: this keeps the step small. */
const maxOperations = 10_000;
/** What etcd's encoding adds to a key and its value, rounded up: its limit counts that too. */
const overheadBytes = 100;

export function eventKey(event: StoreEvent): string {
  return event.type === 'put' ? event.kv.key : event.key;
}

export function eventRevision(event: StoreEvent): Revision {
  return event.type === 'put' ? event.kv.modRevision : event.modRevision;
}

export function expired(revision: Revision, compactRevision: Revision): ApiError {
  return new ApiError(
    'Expired',
    `revision ${revision} was compacted: the oldest retained is ${compactRevision}`,
  );
}

export function futureRevision(revision: Revision, current: Revision): ApiError {
  return new ApiError('BadRequest', `revision ${revision} is in the future: the latest is ${current}`);
}

/**
 * What is wrong with a transaction whatever the store holds: throws BadRequest or RequestEntityTooLarge.
 * Returns its size in bytes.
 */
export function assertTransaction({ operations, compares }: Transaction): number {
  if (operations.length > maxOperations) {
    throw new ApiError('BadRequest', `a transaction may have at most ${maxOperations} operations`);
  }
  const keys = new Set<string>();
  let sizeBytes = 0;
  for (const operation of operations) {
    if (keys.has(operation.key)) {
      throw new ApiError('BadRequest', `key ${JSON.stringify(operation.key)} is written twice`);
    }
    keys.add(operation.key);
    sizeBytes += overheadBytes + operation.key.length;
    if (operation.type === 'put') sizeBytes += operation.value.byteLength;
  }
  if (keys.has('') || compares.some(({ key }) => key === '')) {
    throw new ApiError('BadRequest', 'a key must not be empty');
  }
  for (const { key } of compares) sizeBytes += overheadBytes + key.length;
  if (sizeBytes > maxValueBytes) throw tooLarge(sizeBytes);
  return sizeBytes;
}

function tooLarge(sizeBytes: number): ApiError {
  return new ApiError(
    'RequestEntityTooLarge',
    `a transaction of ${sizeBytes} bytes is too large: the most is ${maxValueBytes} bytes`,
  );
}
