/** Errors as answers: always a v1.Status, whatever form was asked for. */
import { ApiError, asApiError } from '../meta/api-error.ts';
import type { Logger } from '../meta/logger.ts';
import { type ApiResponse, jsonResponse } from './request.ts';

/** A page of a list whose snapshot is gone; `continueToken` goes on in the current state. */
export class ExpiredPage extends ApiError {
  readonly continueToken: string;

  constructor(message: string, continueToken: string) {
    super('Expired', message);
    this.continueToken = continueToken;
  }
}

export function statusAnswer(error: unknown, logger: Logger): ApiResponse {
  const apiError = asApiError(error);
  if (apiError.reason === 'InternalError')
    logger.error({ err: error }, 'a request failed for an unforeseen reason');
  const { retryAfterSeconds } = apiError.details;
  const status = apiError.toStatus();
  const metadata = apiError instanceof ExpiredPage ? { continue: apiError.continueToken } : {};
  return jsonResponse(
    apiError.status,
    { ...status, metadata },
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
  );
}
