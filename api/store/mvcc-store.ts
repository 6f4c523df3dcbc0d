/**
 * The store itself, as `memory` and `embedded` share it: etcd's semantics over a key index in memory and a
 * revision log below. Reads never wait; writes are committed in groups.
 *
 * The way of a write: `transact` -> `CommitQueue` -> `CommitBatch` evaluates -> `log.append` (durable) -> index,
 * leases and watchers see it -> the caller is answered. Invariant: nothing is seen by anyone before the
 * log has it, and revisions are published in order without gaps.
 */
import { asApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { Logger } from '../meta/logger.ts';
import { type Random, systemRandom } from '../meta/random.ts';
import { CommitBatch, type PublishedState } from './commit-batch.ts';
import { CommitQueue } from './commit-queue.ts';
import { KeyIndex, type Version } from './key-index.ts';
import { LeaseTable, newLeaseId } from './lease-table.ts';
import type { LeaseRecord, RevisionLog } from './revision-log.ts';
import type {
  KeyValue,
  ListOptions,
  ListResult,
  Revision,
  Store,
  StoreStatus,
  Transaction,
  TransactionResult,
  Watch,
  WatchHandler,
} from './store.ts';
import { expired, futureRevision, storeClosed } from './store-errors.ts';
import { eventKey } from './store-event.ts';
import { checkTransaction } from './transaction-check.ts';
import { Watcher, WatchHub } from './watch-hub.ts';

export interface MvccOptions {
  clock: Clock;
  logger: Logger;
  random?: Random;
}

/** What a log held when it was opened. */
export interface Recovered {
  revision: Revision;
  compactRevision: Revision;
  index: KeyIndex;
  leases: readonly LeaseRecord[];
}

/** etcd's first revision: the empty store. */
export const nothingRecovered = (): Recovered => ({
  revision: 1,
  compactRevision: 0,
  index: new KeyIndex(),
  leases: [],
});

const maxCatchUpRevisions = 1000;

export class MvccStore implements Store {
  readonly #log: RevisionLog;
  readonly #index: KeyIndex;
  readonly #leases: LeaseTable;
  readonly #hub = new WatchHub();
  readonly #logger: Logger;
  readonly #random: Random;
  #revision: Revision;
  #compactRevision: Revision;
  readonly #commits: CommitQueue;
  #compacting: Promise<void>;
  #closed = false;

  constructor(log: RevisionLog, recovered: Recovered, options: MvccOptions) {
    this.#log = log;
    this.#index = recovered.index;
    this.#revision = recovered.revision;
    this.#compactRevision = recovered.compactRevision;
    this.#logger = options.logger;
    this.#random = options.random ?? systemRandom;
    this.#commits = new CommitQueue({
      begin: () => new CommitBatch(this.#published),
      append: (batch) => log.append(batch),
      publish: (batch) => this.#publish(batch),
    });
    this.#leases = new LeaseTable(options.clock, (id) => void this.#expireLease(id));
    for (const lease of recovered.leases) this.#leases.add(lease);
    // A process that died while it compacted left this undone.
    this.#compacting = this.#forget(this.#compactRevision).catch((error) => {
      this.#logger.warn({ err: error }, 'the last compaction could not be finished');
    });
    for (const { kv } of this.#index.range('', { revision: this.#revision }).versions) {
      if (kv?.leaseId) this.#leases.attach(kv.key, kv.leaseId);
    }
  }

  async get(
    key: string,
    { revision = this.#revision }: { revision?: Revision } = {},
  ): Promise<{ revision: Revision; kv: KeyValue | undefined }> {
    this.#assertReadable(revision);
    const version = this.#index.at(key, revision);
    const [kv] = version ? await this.#values([version], revision) : [];
    return { revision, kv };
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const { revision = this.#revision, limit, after } = options;
    this.#assertReadable(revision);
    const { versions, count } = this.#index.range(prefix, { revision, limit, after });
    const items = await this.#values(versions, revision);
    return { revision, items, more: count > items.length, count };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    this.#assertOpen();
    const sizeBytes = checkTransaction(transaction);
    return this.#commits.submit(sizeBytes, (batch) => batch.transact(transaction));
  }

  watch(prefix: string, fromRevision: Revision, handler: WatchHandler): Watch {
    const watcher = new Watcher(prefix, fromRevision, handler);
    const failed = (error: unknown): void => watcher.fail(this.#closed ? storeClosed() : asApiError(error));
    if (!this.#closed && fromRevision > this.#revision) this.#hub.add(watcher);
    else this.#catchUp(watcher).catch(failed);
    return { cancel: () => this.#hub.remove(watcher) };
  }

  async grantLease(ttlSeconds: number): Promise<number> {
    this.#assertOpen();
    const id = newLeaseId(this.#random);
    await this.#commits.submit(0, (batch) => batch.grant({ id, ttlSeconds }));
    return id;
  }

  async keepLeaseAlive(leaseId: number): Promise<boolean> {
    this.#assertOpen();
    return this.#leases.keepAlive(leaseId);
  }

  async revokeLease(leaseId: number): Promise<void> {
    this.#assertOpen();
    await this.#commits.submit(0, (batch) => batch.revoke(leaseId));
  }

  async compact(revision: Revision): Promise<void> {
    this.#assertOpen();
    if (revision > this.#revision) throw futureRevision(revision, this.#revision);
    const turn = this.#compacting.then(() => this.#compactTo(revision));
    this.#compacting = turn.catch(() => {});
    return turn;
  }

  async status(): Promise<StoreStatus> {
    this.#assertOpen();
    const sizeBytes = await this.#log.sizeBytes();
    return { revision: this.#revision, compactRevision: this.#compactRevision, sizeBytes };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#leases.close();
    this.#hub.failAll(storeClosed());
    await this.#commits.idle();
    await this.#compacting;
    await this.#log.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw storeClosed();
  }

  #assertReadable(revision: Revision): void {
    this.#assertOpen();
    if (revision > this.#revision) throw futureRevision(revision, this.#revision);
    if (revision < this.#compactRevision) throw expired(revision, this.#compactRevision);
  }

  async #values(versions: readonly Version[], revision: Revision): Promise<KeyValue[]> {
    const superseded = versions.filter(({ kv }) => kv === undefined);
    if (superseded.length === 0) return versions.map(({ kv }) => kv!);
    // A write may supersede more of them while the log is read: what is in memory is taken now.
    const inMemory = versions.map(({ kv }) => kv);
    const fromLog = (await this.#log.read(superseded)).values();
    if (revision < this.#compactRevision) throw expired(revision, this.#compactRevision);
    return inMemory.map((kv) => kv ?? fromLog.next().value!);
  }

  get #published(): PublishedState {
    return { index: this.#index, leases: this.#leases, revision: this.#revision };
  }

  #publish(batch: CommitBatch): void {
    for (const lease of batch.grantedLeases) this.#leases.add(lease);
    for (const { revision, sub, event } of batch.entries) {
      const kv = event.type === 'put' ? event.kv : undefined;
      const previous = this.#index.current(eventKey(event));
      this.#index.add(eventKey(event), { revision, sub, deleted: kv === undefined, kv });
      if (previous?.leaseId) this.#leases.detach(previous.key, previous.leaseId);
      if (kv?.leaseId) this.#leases.attach(kv.key, kv.leaseId);
    }
    for (const id of batch.revokedLeases) this.#leases.remove(id);
    this.#revision = batch.revision;
    if (batch.entries.length > 0) this.#hub.publish(batch.events, batch.revision);
  }

  /** Delivers history in chunks, then joins the live watchers in the same breath in which it is caught up. */
  async #catchUp(watcher: Watcher): Promise<void> {
    await Promise.resolve();
    while (!watcher.ended) {
      if (this.#closed) return watcher.fail(storeClosed());
      if (watcher.next <= this.#compactRevision) {
        return watcher.fail(expired(watcher.next, this.#compactRevision));
      }
      if (watcher.next > this.#revision) return this.#hub.add(watcher);
      const to = Math.min(watcher.next + maxCatchUpRevisions - 1, this.#revision);
      const entries = await this.#log.entries(watcher.next, to);
      const events = entries
        .map(({ event }) => event)
        .filter((event) => eventKey(event).startsWith(watcher.prefix));
      // Compacted while it was read: the loop's next turn says so.
      if (watcher.next > this.#compactRevision) watcher.deliver(events, entries.at(-1)?.revision ?? to);
    }
  }

  async #compactTo(revision: Revision): Promise<void> {
    if (revision <= this.#compactRevision) return;
    await this.#log.markCompacted(revision);
    this.#compactRevision = revision;
    await this.#forget(revision);
  }

  async #forget(revision: Revision): Promise<void> {
    for (const places of this.#index.compact(revision)) {
      if (this.#closed) return;
      await this.#log.forget(places);
    }
    await this.#log.reclaim(revision);
  }

  async #expireLease(id: number): Promise<void> {
    try {
      await this.revokeLease(id);
    } catch (error) {
      if (this.#closed) return;
      this.#logger.warn({ leaseId: id, err: error }, 'an expired lease could not be revoked, trying again');
      this.#leases.rearm(id);
    }
  }
}
