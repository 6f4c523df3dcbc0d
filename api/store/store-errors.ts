/** The errors that every implementation words the same way. */
import { ApiError } from '../meta/api-error.ts';
import type { Revision } from './store.ts';

export function expired(revision: Revision, compactRevision: Revision): ApiError {
  return new ApiError(
    'Expired',
    `revision ${revision} was compacted: the oldest retained is ${compactRevision}`,
  );
}

export function futureRevision(revision: Revision, current: Revision): ApiError {
  return new ApiError('BadRequest', `revision ${revision} is in the future: the latest is ${current}`);
}

export function storeClosed(): ApiError {
  return new ApiError('ServiceUnavailable', 'the store is closed');
}
