/**
 * The store on etcd: what production and high availability mean.
 *
 * Linearizable reads and transactions map one to one. What is etcd's own is translated here and nowhere
 * else: prefixes, int64 strings, pages, error codes. A write whose answer is lost ends in Timeout and is
 * never sent twice.
 */
import type { CallOptions } from '@grpc/grpc-js';
import type { Etcd3, IRangeRequest, IRangeResponse, IRequestOp, IWatchRequest, IWatchResponse } from 'etcd3';
import { hasReason } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { Logger } from '../meta/logger.ts';
import type { Loop } from '../meta/loop.ts';
import { type Random, systemRandom } from '../meta/random.ts';
import { KeySpace } from './etcd-codec.ts';
import { EtcdEndpoints, type EtcdTls } from './etcd-endpoints.ts';
import { EtcdLeaseStream } from './etcd-lease-stream.ts';
import { EtcdWatch } from './etcd-watch.ts';
import { newLeaseId } from './lease-table.ts';
import { startCompaction } from './periodic-compaction.ts';
import type {
  KeyValue,
  ListOptions,
  ListResult,
  Operation,
  Revision,
  Store,
  StoreStatus,
  Transaction,
  TransactionResult,
  Watch,
  WatchHandler,
} from './store.ts';
import { expired, futureRevision, storeClosed } from './store-errors.ts';
import { checkTransaction } from './transaction-check.ts';

export interface EtcdOptions {
  /** `host:port` of each member. */
  endpoints: readonly string[];
  clock: Clock;
  logger: Logger;
  random?: Random;
  /** Prepended to every key, so that several clusters can share one etcd. Default `/gantry/`. */
  prefix?: string;
  tls?: EtcdTls;
  /** For one call; default 2000. */
  deadlineMs?: number;
  /** Compaction is for the whole etcd; only its one owner asks for it. Default: never. */
  compactEverySeconds?: number;
}

/** Measured: pages of 500 cost three times as much as these; much larger ones may miss the deadline. */
const pageSize = 2000;

export class EtcdStore implements Store {
  readonly #endpoints: EtcdEndpoints;
  readonly #keys: KeySpace;
  readonly #leases: EtcdLeaseStream;
  readonly #watches = new Set<EtcdWatch>();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: Random;
  readonly #compaction: Loop | undefined;
  /** The newest compact revision heard of. */
  #compactRevision: Revision = 0;

  constructor(options: EtcdOptions) {
    const { clock, logger, random = systemRandom, prefix = '/gantry/', compactEverySeconds = 0 } = options;
    this.#endpoints = new EtcdEndpoints(options);
    this.#keys = new KeySpace(prefix);
    this.#leases = new EtcdLeaseStream(this.#endpoints, clock);
    this.#clock = clock;
    this.#logger = logger;
    this.#random = random;
    if (compactEverySeconds > 0) {
      this.#compaction = startCompaction(this, { everySeconds: compactEverySeconds, clock, logger });
    }
  }

  async get(
    key: string,
    { revision }: { revision?: Revision } = {},
  ): Promise<{ revision: Revision; kv: KeyValue | undefined }> {
    const { header, kvs } = await this.#range({ key: this.#keys.key(key) }, revision);
    const [kv] = kvs;
    return { revision: revision ?? Number(header.revision), kv: kv && this.#keys.keyValue(kv) };
  }

  /** Large results are read in pages, all at the revision of the first one. */
  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const { limit = Number.POSITIVE_INFINITY } = options;
    let { revision, after } = options;
    const items: KeyValue[] = [];
    let count: number | undefined;
    for (;;) {
      const wanted = Math.min(pageSize, limit - items.length);
      const page = await this.#range({ ...this.#keys.range(prefix, after), limit: wanted }, revision);
      revision ??= Number(page.header.revision);
      count ??= Number(page.count);
      for (const kv of page.kvs) items.push(this.#keys.keyValue(kv));
      if (!page.more || items.length >= limit) return { revision, items, more: page.more, count };
      after = items.at(-1)!.key;
    }
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    const keys = transaction.compares.map(({ key }) => this.#keys.key(key));
    const request = {
      compare: transaction.compares.map(({ modRevision }, at) => ({
        key: keys[at]!,
        target: 'Mod' as const,
        result: 'Equal' as const,
        mod_revision: String(modRevision),
      })),
      success: transaction.operations.map((operation) => this.#requestOf(operation)),
      failure: keys.map((key) => ({ request_range: { key } })),
    };
    const answer = await this.#endpoints.write((client, options) => client.kv.txn(request, options));
    const revision = Number(answer.header.revision);
    if (answer.succeeded) return { succeeded: true, revision };
    const current = answer.responses.map(
      ({ response_range: { kvs } }) => kvs[0] && this.#keys.keyValue(kvs[0]),
    );
    return { succeeded: false, revision, current };
  }

  watch(prefix: string, fromRevision: Revision, handler: WatchHandler): Watch {
    const watch: EtcdWatch = new EtcdWatch({
      endpoints: this.#endpoints,
      keys: this.#keys,
      prefix,
      fromRevision,
      handler: {
        onEvents: (events, revision) => handler.onEvents(events, revision),
        onError: (error) => {
          this.#watches.delete(watch);
          handler.onError(error);
        },
      },
      clock: this.#clock,
      logger: this.#logger,
    });
    this.#watches.add(watch);
    return {
      cancel: () => {
        this.#watches.delete(watch);
        watch.cancel();
      },
    };
  }

  async grantLease(ttlSeconds: number): Promise<number> {
    const id = newLeaseId(this.#random);
    await this.#endpoints.write((client, options) =>
      client.leaseClient.leaseGrant({ ID: String(id), TTL: String(ttlSeconds) }, options),
    );
    return id;
  }

  keepLeaseAlive(leaseId: number): Promise<boolean> {
    return this.#leases.keepAlive(leaseId);
  }

  async revokeLease(leaseId: number): Promise<void> {
    try {
      await this.#endpoints.write((client, options) =>
        client.leaseClient.leaseRevoke({ ID: String(leaseId) }, options),
      );
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }

  async compact(revision: Revision): Promise<void> {
    try {
      // Compacting twice changes nothing, so it may be sent again like a read.
      await this.#endpoints.read((client, options) =>
        client.kv.compact({ revision: String(revision) }, options),
      );
    } catch (error) {
      if (!hasReason(error, 'Expired')) throw error;
      const current = await this.#currentRevision();
      if (revision > current) throw futureRevision(revision, current);
    }
    this.#compactRevision = Math.max(this.#compactRevision, revision);
  }

  async status(): Promise<StoreStatus> {
    const [revision, compactRevision, { dbSize }] = await Promise.all([
      this.#currentRevision(),
      this.#findCompactRevision(),
      this.#endpoints.read((client, options) => client.maintenance.status(options)),
    ]);
    return { revision, compactRevision, sizeBytes: Number(dbSize) };
  }

  async close(): Promise<void> {
    await this.#compaction?.stop();
    for (const watch of [...this.#watches]) watch.fail(storeClosed());
    this.#leases.close();
    this.#endpoints.close();
  }

  async #range(request: IRangeRequest, revision: Revision | undefined): Promise<IRangeResponse> {
    const full = revision === undefined ? request : { ...request, revision: String(revision) };
    try {
      return await this.#endpoints.read((client, options) => client.kv.range(full, options));
    } catch (error) {
      if (revision === undefined || !hasReason(error, 'Expired')) throw error;
      // One status code stands for both ends of history.
      const current = await this.#currentRevision();
      if (revision > current) throw futureRevision(revision, current);
      throw expired(revision, await this.#findCompactRevision());
    }
  }

  #requestOf(operation: Operation): IRequestOp {
    const key = this.#keys.key(operation.key);
    if (operation.type === 'delete') return { request_delete_range: { key } };
    return { request_put: { key, value: operation.value, lease: String(operation.leaseId ?? 0) } };
  }

  async #currentRevision(): Promise<Revision> {
    const { header } = await this.#endpoints.read((client, options) =>
      client.kv.range({ key: Buffer.alloc(1), count_only: true }, options),
    );
    return Number(header.revision);
  }

  /** etcd has no call that tells it; but it refuses to read before it, and names it to a watch that starts before it. */
  async #findCompactRevision(): Promise<Revision> {
    const known = Math.max(1, this.#compactRevision);
    const probe = { key: Buffer.alloc(1), revision: String(known) };
    try {
      await this.#endpoints.read((client, options) => client.kv.range(probe, options));
    } catch (error) {
      if (!hasReason(error, 'Expired')) throw error;
      const told = await this.#endpoints.openStream((client, options) =>
        compactRevisionBeyond(known, client, { ...options, deadline: this.#endpoints.deadline() }),
      );
      this.#compactRevision = Math.max(this.#compactRevision, told);
    }
    return this.#compactRevision;
  }
}

/** Starts a watch that cannot be served, for the sake of its refusal. 0 when the stream fails. */
async function compactRevisionBeyond(
  revision: Revision,
  client: Etcd3,
  options: CallOptions,
): Promise<Revision> {
  const stream = await client.watchClient.watch(options);
  const request: IWatchRequest = {
    create_request: { key: Buffer.alloc(1), start_revision: String(revision) },
  };
  return new Promise((resolve) => {
    stream.on('data', ({ canceled, compact_revision }: IWatchResponse) => {
      if (!canceled) return;
      resolve(Number(compact_revision));
      stream.cancel();
    });
    stream.on('error', () => resolve(0));
    stream.on('end', () => resolve(0));
    stream.write(request);
  });
}
