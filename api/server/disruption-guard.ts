/**
 * Voluntary disruptions (evictions, preemptions) keep to the disruption budgets of the tasks they end, whoever asks
 * and through whichever server.
 *
 *   read the budget's record → wait until the cache knows all there was → count → one transaction:
 *   the record unchanged, the tasks told to end, the record written
 *
 * Invariant: whatever takes from a budget writes its record, `/registry/disruptions/<budget>`, in its own transaction.
 * A count that missed another disruption was therefore begun on an older record, and its transaction fails.
 */
import type { Compare, Operation } from '../store/store.ts';
import type { Disruption, DisruptionBudget } from './disruption.ts';
import type { Expiry } from './expiry.ts';
import { jobBudgetsOver } from './job-budgets.ts';
import { disruptionKey } from './keys.ts';
import { podBudgetsOver } from './pod-budgets.ts';
import type { WriteStore } from './transaction-batcher.ts';
import { Turns } from './turns.ts';
import type { WatchCache } from './watch-cache.ts';

/** What goes into the transaction that ends the tasks. */
export interface GuardedWrite {
  compares: Compare[];
  operations: Operation[];
}

/**
 * To be called again for every attempt, after the tasks were read. Throws ApiError TooManyRequests when a budget
 * cannot spare them.
 */
export type Guard = () => Promise<GuardedWrite>;

/** A record matters only while a transaction counted on it may be under way. */
const recordSeconds = 60;

const nothing: Guard = async () => ({ compares: [], operations: [] });

export class DisruptionGuard {
  readonly #store: WriteStore;
  readonly #cache: WatchCache;
  readonly #expiry: Expiry;
  /** Who takes from one budget through one server would only defeat each other. */
  readonly #turns = new Turns();

  constructor({ store, cache, expiry }: { store: WriteStore; cache: WatchCache; expiry: Expiry }) {
    this.#store = store;
    this.#cache = cache;
    this.#expiry = expiry;
  }

  /** Runs `act`, which ends the tasks in transactions that have in them what its guard gives. */
  keep<T>(disruptions: readonly Disruption[], act: (guard: Guard) => Promise<T>): Promise<T> {
    const budgets = [
      ...jobBudgetsOver(this.#cache, disruptions),
      ...podBudgetsOver(this.#cache, disruptions),
    ];
    if (budgets.length === 0) return act(nothing);
    const names = budgets.map(({ name }) => name);
    return this.#turns.takeAll(names, () => act(() => this.#guard(budgets)));
  }

  async #guard(budgets: readonly DisruptionBudget[]): Promise<GuardedWrite> {
    const keys = budgets.map(({ name }) => disruptionKey(name));
    const records = await Promise.all(keys.map((key) => this.#store.get(key)));
    await this.#cache.waitUntilCurrent();
    for (const { refusal } of budgets) {
      const error = refusal();
      if (error) throw error;
    }
    const leaseId = await this.#expiry.lease(recordSeconds);
    return {
      compares: keys.map((key, at) => ({ key, modRevision: records[at]?.kv?.modRevision ?? 0 })),
      operations: keys.map((key) => ({ type: 'put', key, value: Buffer.alloc(0), leaseId })),
    };
  }
}
