/** What is wrong with a transaction whatever the store holds. The same limits hold on every implementation. */
import { ApiError } from '../meta/api-error.ts';
import { maxValueBytes, type Transaction } from './store.ts';

/** A transaction is one atomic step for every watcher: this keeps the step small. */
const maxOperations = 10_000;
/** What etcd's encoding adds to a key and its value, rounded up: its limit counts that too. */
const overheadBytes = 100;

/** Returns the size in bytes. Throws ApiError BadRequest or RequestEntityTooLarge. */
export function checkTransaction({ operations, compares }: Transaction): number {
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
  if (sizeBytes <= maxValueBytes) return sizeBytes;
  throw new ApiError(
    'RequestEntityTooLarge',
    `a transaction of ${sizeBytes} bytes is too large: the most is ${maxValueBytes} bytes`,
  );
}
