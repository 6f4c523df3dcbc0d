/**
 * What went wrong with a call to etcd, in our reasons. Decided by gRPC's status code and by whether the
 * request left this process, never by text (etcd3's own error classes are chosen by text).
 */
import { status as grpcStatus } from '@grpc/grpc-js';
import { ApiError, type Reason } from '../meta/api-error.ts';

/** What an interceptor saw of one call. */
export interface CallRecord {
  /** gRPC status code; undefined when the call never began. */
  code?: number;
  /** False when no connection was picked for it: then etcd cannot have seen it. */
  sent: boolean;
}

/** Answers by which etcd says that it did not do it. */
const refusals = new Map<number, Reason>([
  [grpcStatus.INVALID_ARGUMENT, 'BadRequest'],
  [grpcStatus.NOT_FOUND, 'NotFound'],
  [grpcStatus.OUT_OF_RANGE, 'Expired'],
  [grpcStatus.RESOURCE_EXHAUSTED, 'InsufficientStorage'],
  [grpcStatus.FAILED_PRECONDITION, 'ServiceUnavailable'],
  [grpcStatus.PERMISSION_DENIED, 'ServiceUnavailable'],
  [grpcStatus.UNAUTHENTICATED, 'ServiceUnavailable'],
  [grpcStatus.UNIMPLEMENTED, 'ServiceUnavailable'],
]);

/** `mutates`: an answer that got lost leaves it open whether the request took effect. */
export function etcdError(error: unknown, { code, sent }: CallRecord, mutates: boolean): ApiError {
  const text = error instanceof Error ? error.message : String(error);
  const refusal = code === undefined ? undefined : refusals.get(code);
  if (refusal) return new ApiError(refusal, `etcd: ${text}`, {}, error);
  if (!sent) return new ApiError('ServiceUnavailable', `etcd cannot be reached: ${text}`, {}, error);
  if (mutates) {
    return new ApiError('Timeout', `no answer from etcd, the write may have happened: ${text}`, {}, error);
  }
  const reason = code === grpcStatus.DEADLINE_EXCEEDED ? 'Timeout' : 'ServiceUnavailable';
  return new ApiError(reason, `no answer from etcd: ${text}`, {}, error);
}

/** Errors after which another member may do better. */
export function isConnectionTrouble({ code }: CallRecord): boolean {
  return code === grpcStatus.UNAVAILABLE || code === grpcStatus.DEADLINE_EXCEEDED;
}
