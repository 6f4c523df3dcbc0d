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
  onEvicted(displacement: Displacement): void;
  onEvictionFailed(displacement: Displacement, error: Error): void;
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
const evictionsPerCall = 250;

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

  /** A gang is a plan of its own; what is not of a gang is each for itself, in as few calls as may be. */
  commit(placed: readonly Placed[], displacements: readonly Displacement[]): void {
    for (const [gang, members] of byGang(placed)) this.#start(() => this.#bind(members, modeOf(gang)));
    for (const [gang, members] of byGang(displacements)) {
      const plans = gang === undefined ? inPortions(members) : [members];
      for (const plan of plans)
        if (plan.some(endsSomebody)) this.#start(() => this.#evict(plan, modeOf(gang)));
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

  async #evict(displacements: readonly Displacement[], mode: Plan['mode']): Promise<void> {
    const binds = displacements.map((displacement) => {
      const { queued, preemption } = displacement;
      return { ...bindOf({ queued, node: preemption.node }), evictions: evictionsOf(displacement) };
    });
    const results = await this.#commit({ mode, binds });
    for (const [position, displacement] of displacements.entries()) {
      const error = results[position];
      if (error === undefined) {
        this.#metrics.evicted += evictionsOf(displacement).length;
        this.#listener.onEvicted(displacement);
      } else {
        this.#metrics.thrownAway++;
        this.#listener.onEvictionFailed(displacement, error);
      }
    }
  }
}

/** The evictions of a call stay below what a request may hold, and its answer near. */
function inPortions(displacements: readonly Displacement[]): Displacement[][] {
  const portions: Displacement[][] = [];
  let room = 0;
  for (const displacement of displacements.filter(endsSomebody)) {
    if (room <= 0) {
      portions.push([]);
      room = evictionsPerCall;
    }
    portions.at(-1)?.push(displacement);
    room -= displacement.preemption.victims.length;
  }
  return portions;
}

function endsSomebody({ preemption: { victims } }: Displacement): boolean {
  return victims.some(({ isReservation }) => !isReservation);
}

function modeOf(gang: string | undefined): Plan['mode'] {
  return gang === undefined ? 'Incremental' : 'AllOrNothing';
}

function bindOf({ queued, node }: Placed): Bind {
  return { ...taskOf(queued.task), node };
}

/** Whom there is to tell to end; giving up a kept room ends nobody. */
function evictionsOf({ queued, preemption }: Displacement): Eviction[] {
  const { node, victims, overridesBudgets } = preemption;
  return victims
    .filter(({ isReservation }) => !isReservation)
    .map((victim) => ({
      ...taskOf(victim),
      reason: 'Preempted',
      message: preemptionMessage(victim, { by: queued.task.key, node }),
      ...(overridesBudgets ? { overridesBudget: true } : {}),
    }));
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
