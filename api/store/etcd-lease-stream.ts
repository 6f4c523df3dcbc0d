/** Keeping leases alive: one gRPC stream for all of them, opened when it is needed and again when it broke. */
import type { Etcd3, IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3';
import { ApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { EtcdEndpoints } from './etcd-endpoints.ts';
import { storeClosed } from './store-errors.ts';

type Stream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

interface Waiter {
  resolve(isAlive: boolean): void;
  reject(error: Error): void;
}

export class EtcdLeaseStream {
  readonly #endpoints: EtcdEndpoints;
  readonly #clock: Clock;
  #current: Conversation | undefined;
  #opening: Promise<Conversation> | undefined;

  constructor(endpoints: EtcdEndpoints, clock: Clock) {
    this.#endpoints = endpoints;
    this.#clock = clock;
  }

  /** False when etcd does not know the lease. */
  async keepAlive(leaseId: number): Promise<boolean> {
    const conversation = await this.#conversation();
    const timer = this.#clock.after(this.#endpoints.deadlineMs, () => {
      conversation.end(new ApiError('Timeout', 'etcd did not answer a keepalive'));
    });
    try {
      return await conversation.ask(String(leaseId));
    } finally {
      timer.cancel();
    }
  }

  close(): void {
    this.#current?.end(storeClosed());
  }

  async #conversation(): Promise<Conversation> {
    if (this.#current && !this.#current.ended) return this.#current;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Conversation> {
    if (this.#current) this.#endpoints.moveOn();
    const stream = await this.#endpoints.openStream((client: Etcd3, options) =>
      client.leaseClient.leaseKeepAlive(options),
    );
    this.#current = new Conversation(stream);
    return this.#current;
  }
}

/** One stream and who waits on it. */
class Conversation {
  ended = false;
  readonly #stream: Stream;
  /** By lease, in the order of asking, which is the order of the answers. */
  readonly #waiters = new Map<string, Waiter[]>();

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.on('data', ({ ID, TTL }) => this.#answer(ID, Number(TTL) > 0));
    stream.on('error', (cause) => this.end(lost(cause)));
    stream.on('end', () => this.end(lost()));
  }

  ask(id: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(lost());
      this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), { resolve, reject }]);
      this.#stream.write({ ID: id });
    });
  }

  /** Fails everybody who waits. */
  end(error: ApiError): void {
    if (this.ended) return;
    this.ended = true;
    this.#stream.cancel();
    for (const waiter of [...this.#waiters.values()].flat()) waiter.reject(error);
  }

  #answer(id: string, isAlive: boolean): void {
    const [first, ...rest] = this.#waiters.get(id) ?? [];
    if (rest.length > 0) this.#waiters.set(id, rest);
    else this.#waiters.delete(id);
    first?.resolve(isAlive);
  }
}

function lost(cause?: Error): ApiError {
  return new ApiError('ServiceUnavailable', 'the connection to etcd was lost', {}, cause);
}
