/**
 * Disruption budgets of jobs (`spec.disruption.maxUnavailable`): how many more of a job's tasks may be taken away
 * by choice, those that are away anyhow counted in. Kept by the cluster state.
 */
export interface Budget {
  /** Tasks the job wants at once. */
  wanted: number;
  maxUnavailable: number;
}

export class Budgets {
  readonly #budgets = new Map<string, Budget>();
  /** The uids of each job's tasks that serve. */
  readonly #available = new Map<string, Set<string>>();

  /** Undefined: it has none. Gives whether that is news. */
  set(job: string, budget: Budget | undefined): boolean {
    const before = this.#budgets.get(job);
    if (before?.wanted === budget?.wanted && before?.maxUnavailable === budget?.maxUnavailable) return false;
    if (budget) this.#budgets.set(job, budget);
    else this.#budgets.delete(job);
    return true;
  }

  /** Gives whether the job's budget has changed by it. */
  setAvailable(job: string, uid: string, available: boolean): boolean {
    const uids = this.#available.get(job) ?? new Set();
    if (uids.has(uid) === available) return false;
    if (available) this.#available.set(job, uids.add(uid));
    else uids.delete(uid);
    if (uids.size === 0) this.#available.delete(job);
    return this.#budgets.has(job);
  }

  /** How many of its tasks may go by choice; Infinity for a job that sets no limit. */
  allowed(job: string | undefined): number {
    const budget = job === undefined ? undefined : this.#budgets.get(job);
    if (!budget || job === undefined) return Number.POSITIVE_INFINITY;
    const away = Math.max(0, budget.wanted - (this.#available.get(job)?.size ?? 0));
    return Math.max(0, budget.maxUnavailable - away);
  }
}
