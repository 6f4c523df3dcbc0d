/**
 * Hands the decisions of a batch to the API server as plans, several at once, and says what became of them.
 * Behind it a decision is the truth, or it is thrown away: another scheduler was faster, the task is gone, or
 * the call failed.
 */
import { hasReason } from '../api/meta/api-error.ts';
import { splitKey } from '../api/meta/object-meta.ts';
import type { Bind, BindResult, Client, Eviction, Plan } from '../client/client.ts';
import type { Resident } from './core/residents.ts';
import type { Displacement, Placed } from './decider.ts';

export interface CommitListener {
  onBound(placed: Placed): void;
  onThrownAway(placed: Placed, error: Error): void;
  onEvicted(displacements: readonly Displacement[]): void;
  onEvictionFailed(displacements: readonly Displacement[], error: unknown): void;
}

/** Counted since the process began. */
export interface CommitMetrics {
  plans: number;
  bound: number;
  /** Binds that the truth refused: another scheduler, or a person, was faster. */
  conflicts: number;
  /** All decisions that came to nothing, conflicts included. */
  thrownAway: number;
  /** Tasks told to end. */
  evicted: number;
}

/** Calls under way at once. */
const maxInFlight = 4;

export class PlanCommitter {
  readonly #client: Client;
  readonly #listener: CommitListener;
  readonly #metrics: CommitMetrics;
  readonly #inFlight = new Set<Promise<void>>();

  constructor(client: Client, metrics: CommitMetrics, listener: CommitListener) {
    this.#client = client;
    this.#metrics = metrics;
    this.#listener = listener;
  }

  /** Resolves when another call may begin: what is decided any earlier would only wait, and grow stale. */
  async whenReady(): Promise<void> {
    while (this.#inFlight.size >= maxInFlight) await Promise.race(this.#inFlight);
  }

  async whenIdle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /** A gang is a plan of its own; so is each preemption. */
  commit(placed: readonly Placed[], displacements: readonly Displacement[]): void {
    for (const [gang, members] of byGang(placed))
      this.#start(() => this.#bind(members, gang === undefined ? 'Incremental' : 'AllOrNothing'));
    for (const [gang, members] of byGang(displacements)) {
      const plans = gang === undefined ? members.map((one) => [one]) : [members];
      for (const plan of plans) if (victimsOf(plan).length > 0) this.#start(() => this.#evict(plan));
    }
  }

  /** `act` never rejects. */
  #start(act: () => Promise<void>): void {
    this.#metrics.plans++;
    const work = act().finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }

  async #bind(placed: readonly Placed[], mode: Plan['mode']): Promise<void> {
    const results = await this.#commit({ mode, binds: placed.map(bindOf) });
    for (const [position, one] of placed.entries()) {
      const error = results[position];
      if (error === undefined) {
        this.#metrics.bound++;
        this.#listener.onBound(one);
        continue;
      }
      this.#metrics.thrownAway++;
      if (hasReason(error, 'Conflict')) this.#metrics.conflicts++;
      this.#listener.onThrownAway(one, error);
    }
  }

  /** A call that failed as a whole is the failure of each bind in it; whether they took effect is not known. */
  async #commit(plan: Plan): Promise<BindResult[]> {
    try {
      return await this.#client.commit(plan);
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      return plan.binds.map(() => failure);
    }
  }

  async #evict(displacements: readonly Displacement[]): Promise<void> {
    const evictions = victimsOf(displacements);
    try {
      const binds = displacements.map(({ queued, preemption }) => bindOf({ queued, node: preemption.node }));
      await this.#client.commit({ mode: 'AllOrNothing', binds, evictions });
      this.#metrics.evicted += evictions.length;
      this.#listener.onEvicted(displacements);
    } catch (error) {
      this.#metrics.thrownAway++;
      this.#listener.onEvictionFailed(displacements, error);
    }
  }
}

function bindOf({ queued, node }: Placed): Bind {
  return { ...taskOf(queued.task), node };
}

/** What there is to tell to end; giving up a kept room ends nothing. */
function victimsOf(displacements: readonly Displacement[]): Eviction[] {
  return displacements.flatMap(({ queued, preemption: { node, victims } }) =>
    victims
      .filter(({ isReservation }) => !isReservation)
      .map((victim) => ({
        ...taskOf(victim),
        reason: 'Preempted',
        message: preemptionMessage(victim, { by: queued.task.key, node }),
      })),
  );
}

/** For the victim. */
export function preemptionMessage({ gang }: Resident, { by, node }: { by: string; node: string }): string {
  return `preempted ${gang ? 'with its gang ' : ''}by ${by} on node ${node}`;
}

/** Undefined: those that are in no gang. */
function byGang<Decided extends { gang?: string }>(
  decided: readonly Decided[],
): Map<string | undefined, Decided[]> {
  const gangs = new Map<string | undefined, Decided[]>();
  for (const one of decided) {
    const members = gangs.get(one.gang);
    if (members) members.push(one);
    else gangs.set(one.gang, [one]);
  }
  return gangs;
}

function taskOf({ key, uid }: { key: string; uid: string }): {
  namespace: string;
  name: string;
  uid: string;
} {
  const { namespace = '', name } = splitKey(key);
  return { namespace, name, uid };
}
