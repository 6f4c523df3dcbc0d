/** The ApiError a call throws; fails when it throws none, or something else. */
import { ApiError } from '../api/meta/api-error.ts';

export function reasonOf(call: () => unknown): ApiError {
  try {
    call();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it did not throw');
}
