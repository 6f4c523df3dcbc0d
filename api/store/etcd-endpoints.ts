/**
 * The connections to etcd's members, and how one call is made.
 *
 * etcd3 is used as an RPC layer only: its retries double writes and its circuit breaker fails innocent
 * calls (measured), so both are off. Calls stick to one member and move on when it is in trouble. A write
 * is sent again only when it provably never left this process; a read also when the connection broke.
 */
import { type CallOptions, InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';
import { ApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import { InFlightLimit } from '../meta/in-flight-limit.ts';
import { type CallRecord, etcdError, isConnectionTrouble } from './etcd-errors.ts';
import { storeClosed } from './store-errors.ts';

export interface EtcdTls {
  ca: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

export interface EndpointOptions {
  /** `host:port` of each member. */
  endpoints: readonly string[];
  tls?: EtcdTls | undefined;
  clock: Clock;
  /** For one unary call; default 2000. */
  deadlineMs?: number;
}

interface Member {
  client: Etcd3;
  /** What a gRPC call names as its peer before it has a connection. */
  target: string;
}

const defaultDeadlineMs = 2000;
/** Measured: etcd3 is fastest with some 64 calls under way; more only wait longer. */
const maxInFlight = 128;

const channelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A member that is back is used at once, not after gRPC's two minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.enable_retries': 0,
  // Own connections for watches, so that a flood of events does not stand in the way of calls.
  'grpc.use_local_subchannel_pool': 1,
};

export class EtcdEndpoints {
  readonly #members: readonly Member[];
  readonly #clock: Clock;
  /** For one unary call. */
  readonly deadlineMs: number;
  readonly #inFlight = new InFlightLimit(maxInFlight);
  #current = 0;
  #closed = false;

  constructor({ endpoints, tls, clock, deadlineMs = defaultDeadlineMs }: EndpointOptions) {
    this.#members = endpoints.map((endpoint) => ({
      client: new Etcd3(clientOptions(endpoint, tls)),
      target: `dns:${endpoint}`,
    }));
    this.#clock = clock;
    this.deadlineMs = deadlineMs;
  }

  read<T>(call: (client: Etcd3, options: CallOptions) => Promise<T>): Promise<T> {
    return this.#attempt(call, false);
  }

  write<T>(call: (client: Etcd3, options: CallOptions) => Promise<T>): Promise<T> {
    return this.#attempt(call, true);
  }

  /** Streams end with UNAVAILABLE when the member loses its leader, instead of going silent. */
  openStream<T>(open: (client: Etcd3, options: CallOptions) => Promise<T>): Promise<T> {
    this.#assertOpen();
    return open(this.#members[this.#current]!.client, { interceptors: [requireLeader] });
  }

  /** The next call goes to another member, if there is one. */
  moveOn(): void {
    this.#current = (this.#current + 1) % this.#members.length;
  }

  /** For every call its own point in time, in ms since the epoch. */
  deadline(): number {
    return this.#clock.now() + this.deadlineMs;
  }

  close(): void {
    this.#closed = true;
    for (const { client } of this.#members) client.close();
  }

  /** A burst waits here, where giving up is harmless, not inside gRPC, where it leaves the outcome open. */
  #attempt<T>(call: (client: Etcd3, options: CallOptions) => Promise<T>, mutates: boolean): Promise<T> {
    const cameAtMs = this.#clock.monotonicMs();
    return this.#inFlight.run(async () => {
      if (this.#clock.monotonicMs() - cameAtMs <= this.deadlineMs) return this.#send(call, mutates);
      throw new ApiError('ServiceUnavailable', 'etcd is overloaded: the request was not sent');
    });
  }

  async #send<T>(call: (client: Etcd3, options: CallOptions) => Promise<T>, mutates: boolean): Promise<T> {
    const deadline = this.deadline();
    // One attempt more than members: a connection that a failing call reset may be a healthy one.
    for (let left = this.#members.length; ; left--) {
      this.#assertOpen();
      const at = this.#current;
      const { client, target } = this.#members[at]!;
      const record: CallRecord = { sent: false };
      try {
        return await call(client, { deadline, interceptors: [recordInto(record, target)] });
      } catch (error) {
        if (isConnectionTrouble(record) && at === this.#current) this.moveOn();
        const mayResend = !record.sent || (!mutates && isConnectionTrouble(record));
        if (!mayResend || left === 0 || this.#clock.now() >= deadline) {
          throw etcdError(error, record, mutates);
        }
      }
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw storeClosed();
  }
}

function clientOptions(endpoint: string, tls: EtcdTls | undefined): IOptions {
  const credentials = tls && {
    rootCertificate: tls.ca,
    ...(tls.key ? { privateKey: tls.key } : {}),
    ...(tls.cert ? { certChain: tls.cert } : {}),
  };
  return {
    hosts: tls ? `https://${endpoint}` : endpoint,
    ...(credentials ? { credentials } : {}),
    faultHandling: { host: () => noop, global: noop },
    grpcOptions: channelOptions,
  };
}

function recordInto(record: CallRecord, target: string): Interceptor {
  return (options, nextCall) => {
    const call = nextCall(options);
    return new InterceptingCall(call, {
      start: (metadata, _listener, next) =>
        next(metadata, {
          onReceiveStatus: (status, nextStatus) => {
            record.code = status.code;
            record.sent = call.getPeer() !== target;
            nextStatus(status);
          },
        }),
    });
  };
}

const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start: (metadata, listener, next) => {
      metadata.set('hasleader', 'true');
      next(metadata, listener);
    },
  });
