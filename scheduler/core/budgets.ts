/**
 * What disruption budgets leave preemption to take. Those of jobs (`spec.disruption.maxUnavailable`) are counted
 * here, those that are away anyhow counted in; PodDisruptionBudgets are as their status says. Kept by the cluster
 * state. What is believed here is checked again where the tasks are told to end (the API server's guard).
 */
import type { Resident } from './residents.ts';
import type { TaskIdentity } from './task-identity.ts';

export interface Budget {
  /** Tasks the job wants at once. */
  wanted: number;
  maxUnavailable: number;
}

/** A budget over all tasks that look so. */
export interface SelectingBudget {
  covers: (identity: TaskIdentity) => boolean;
  allowed: number;
}

/** How many of the tasks of one budget may go by choice. */
export interface Limit {
  name: string;
  allowed: number;
}

const unlimited: readonly Limit[] = [];

export class Budgets {
  /** Counts changes of selecting budgets: what was worked out by them before is void. */
  changes = 0;
  readonly #selecting = new Map<string, SelectingBudget>();
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

  /** Undefined: there is none of that name any more. */
  select(name: string, budget: SelectingBudget | undefined): void {
    if (budget) this.#selecting.set(name, budget);
    else this.#selecting.delete(name);
    this.changes++;
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

  /** All that limits how many tasks like this one may go. */
  over({ job, identity }: Pick<Resident, 'job' | 'identity'>): readonly Limit[] {
    const budget = job === undefined ? undefined : this.#budgets.get(job);
    if (!budget && this.#selecting.size === 0) return unlimited;
    const limits: Limit[] = [];
    if (budget && job !== undefined) limits.push({ name: `job ${job}`, allowed: this.#leftOf(job, budget) });
    for (const [name, { covers, allowed }] of this.#selecting)
      if (covers(identity)) limits.push({ name, allowed });
    return limits;
  }

  #leftOf(job: string, { wanted, maxUnavailable }: Budget): number {
    const away = Math.max(0, wanted - (this.#available.get(job)?.size ?? 0));
    return Math.max(0, maxUnavailable - away);
  }
}

/** Takes from budgets one task at a time, as if those before had gone. */
export class BudgetUse {
  readonly #budgets: Budgets;
  readonly #left = new Map<string, number>();

  constructor(budgets: Budgets) {
    this.#budgets = budgets;
  }

  /** Whether all budgets can spare it as well. */
  spares(resident: Pick<Resident, 'job' | 'identity'>): boolean {
    let isSpared = true;
    for (const { name, allowed } of this.#budgets.over(resident)) {
      const left = (this.#left.get(name) ?? allowed) - 1;
      this.#left.set(name, left);
      if (left < 0) isSpared = false;
    }
    return isSpared;
  }
}
