/**
 * Calls to a container engine over its unix socket: gRPC, one connection, one method each of `cri-messages.ts`.
 *
 * Invariant: every failure is an ApiError whose reason tells whether the thing is not there, the engine is not, or
 * the engine refuses; the engine's own words are its message.
 */
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { Type } from 'protobufjs';
import { ApiError, type Reason } from '../../../api/meta/api-error.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { type Calls, criTypes, type Method, methods } from './cri-messages.ts';

const reasonOf: Partial<Record<number, Reason>> = {
  [status.NOT_FOUND]: 'NotFound',
  [status.UNAVAILABLE]: 'ServiceUnavailable',
  [status.DEADLINE_EXCEEDED]: 'Timeout',
  [status.CANCELLED]: 'Timeout',
  [status.ALREADY_EXISTS]: 'AlreadyExists',
  [status.INVALID_ARGUMENT]: 'BadRequest',
};
/** The interface bounds the output of a command to twice this. */
const maxAnswerBytes = 32 * 1024 ** 2;
const waitForEngineMs = 120_000;

export interface CallOptions {
  /** Ends the call, and with it what the engine does for it. */
  signal?: AbortSignal;
  /** Absent: two minutes; 0: for ever. */
  timeoutMs?: number;
}

export class CriClient {
  readonly #client: Client;
  readonly #types = criTypes();

  /** `unix:///run/containerd/containerd.sock` */
  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.max_receive_message_length': maxAnswerBytes,
      'grpc.primary_user_agent': 'gantry-node',
      // An engine that was restarted is found again soon.
      'grpc.max_reconnect_backoff_ms': 1000,
      'grpc.initial_reconnect_backoff_ms': 50,
    });
  }

  call<M extends Method>(
    method: M,
    request: Calls[M][0],
    { signal, timeoutMs = waitForEngineMs }: CallOptions = {},
  ): Promise<Calls[M][1]> {
    const [service, requestName, responseName] = methods[method];
    const [from, to] = [this.#type(requestName), this.#type(responseName)];
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        `/runtime.v1.${service}Service/${method}`,
        (message: Calls[M][0]) => Buffer.from(from.encode(from.fromObject(message)).finish()),
        (bytes: Buffer) => decoded(to, bytes) as Calls[M][1],
        request,
        timeoutMs === 0 ? {} : { deadline: systemClock.now() + timeoutMs },
        (error, answer) => {
          signal?.removeEventListener('abort', cancel);
          if (answer === undefined) reject(asApiError(error, method));
          else resolve(answer);
        },
      );
      const cancel = (): void => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      if (signal?.aborted) cancel();
    });
  }

  close(): void {
    this.#client.close();
  }

  #type(name: string): Type {
    return this.#types.lookupType(`runtime.v1.${name}`);
  }
}

function decoded(type: Type, bytes: Buffer): object {
  return type.toObject(type.decode(bytes), { longs: Number, defaults: true });
}

function asApiError(error: ServiceError | null, method: Method): ApiError {
  const reason = reasonOf[error?.code ?? status.UNKNOWN] ?? 'InternalError';
  return new ApiError(reason, error?.details ?? `${method}: no answer`, {}, error);
}
