/** Keeping leases alive: one gRPC stream for all of them, opened when it is needed. */
import type { Etcd3, IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from 'etcd3';
import { ApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { EtcdEndpoints } from './etcd-endpoints.ts';

type Stream = IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

interface Waiter {
  resolve(isAlive: boolean): void;
  reject(error: Error): void;
}

export class EtcdLeaseStream {
  readonly #endpoints: EtcdEndpoints;
  readonly #clock: Clock;
  /** Who waits for an answer about which lease, in the order of asking. */
  readonly #waiters = new Map<string, Waiter[]>();
  #stream: Promise<Stream> | undefined;

  constructor(endpoints: EtcdEndpoints, clock: Clock) {
    this.#endpoints = endpoints;
    this.#clock = clock;
  }

  /** False when etcd does not know the lease. */
  async keepAlive(leaseId: number): Promise<boolean> {
    const id = String(leaseId);
    this.#stream ??= this.#open();
    const stream = await this.#stream;
    const timer = this.#clock.after(this.#endpoints.deadline() - this.#clock.now(), () => {
      this.#fail(new ApiError('Timeout', 'etcd did not answer a keepalive'));
    });
    try {
      return await new Promise<boolean>((resolve, reject) => {
        this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), { resolve, reject }]);
        stream.write({ ID: id });
      });
    } finally {
      timer.cancel();
    }
  }

  close(): void {
    this.#fail(new ApiError('ServiceUnavailable', 'the store is closed'));
  }

  async #open(): Promise<Stream> {
    const stream = await this.#endpoints.openStream((client: Etcd3, options) =>
      client.leaseClient.leaseKeepAlive(options),
    );
    const lost = (cause?: Error): void =>
      this.#fail(new ApiError('ServiceUnavailable', 'the connection to etcd was lost', {}, cause), stream);
    stream.on('data', ({ ID, TTL }) => this.#answer(ID, Number(TTL) > 0));
    stream.on('error', lost);
    stream.on('end', () => lost());
    return stream;
  }

  #answer(id: string, isAlive: boolean): void {
    const [first, ...rest] = this.#waiters.get(id) ?? [];
    if (rest.length > 0) this.#waiters.set(id, rest);
    else this.#waiters.delete(id);
    first?.resolve(isAlive);
  }

  /** Fails everybody who waits; the next keepalive opens a new stream, to another member. */
  #fail(error: ApiError, failed?: Stream): void {
    const stream = this.#stream;
    if (!stream) return;
    void stream.then(
      (current) => {
        if (failed && current !== failed) return;
        this.#stream = undefined;
        current.cancel();
        this.#endpoints.moveOn();
        const waiters = [...this.#waiters.values()].flat();
        this.#waiters.clear();
        for (const waiter of waiters) waiter.reject(error);
      },
      () => {
        this.#stream = undefined;
      },
    );
  }
}
