/**
 * What a class of tasks needs to know about whole domains: one DomainCounts per dimension, read from the table
 * once and then kept up from its change log, a task at a time. Spread and affinity answer from it.
 *
 * Invariant: after `read`, or `follow` of every change since, the counts are those of a fresh reading.
 */
import { DomainCounts } from './domain-counts.ts';
import type { Presence } from './presence.ts';
import type { Snapshot } from './snapshot.ts';
import type { TaskIdentity } from './task-identity.ts';

export interface Dimension {
  topologyKey: string;
  /** What one such task adds to its domain. */
  amountOf(identity: TaskIdentity): number;
  /** Whether tasks on their way out count. */
  countsEnding: boolean;
  /** Whether what is on the node counts, by facts of the node alone; absent: always. */
  counts?(slot: number): boolean;
}

/** Of a domain with more nodes, the slots are told apart by the domain, not by what is in it. */
const smallDomain = 8;
/** Remembered amounts; names of tasks in labels would make them endless. */
const maxRemembered = 100_000;

export class DomainLedger {
  readonly counts: readonly DomainCounts[];
  /** Slots whose `partOf` may have changed since it was last emptied. */
  readonly moved: number[] = [];
  readonly #snapshot: Snapshot;
  readonly #dimensions: readonly Dimension[];
  readonly #amounts = new Map<TaskIdentity, readonly number[] | undefined>();

  constructor(snapshot: Snapshot, dimensions: readonly Dimension[]) {
    this.#snapshot = snapshot;
    this.#dimensions = dimensions;
    this.counts = dimensions.map(({ topologyKey }) => new DomainCounts(snapshot.topology(topologyKey)));
    this.#read();
  }

  #read(): void {
    const snapshot = this.#snapshot;
    for (let slot = 0; slot < snapshot.size; slot++) {
      for (const [identity, presence] of snapshot.tasksOn(slot)) this.add(slot, identity, presence);
      this.rereadFacts(slot);
    }
    this.moved.length = 0;
  }

  /** Takes over one change of the log. */
  follow(number: number): void {
    const change = this.#snapshot.taskChange(number);
    if (change) this.add(this.#snapshot.changedSlot(number), change.identity, change);
  }

  rereadFacts(slot: number): void {
    const isThere = this.#snapshot.present[slot] === 1;
    for (const [at, { counts: counting }] of this.#dimensions.entries()) {
      const counts = this.counts[at]!;
      if (counts.setCounting(slot, isThere && (counting?.(slot) ?? true))) this.#noteMoved(counts, slot);
    }
  }

  /** Slots of one part are alike in everything the ledger knows: in the same domains, or in small ones with equal sums. */
  partOf(slot: number): string {
    let part = '';
    for (const { topology, sums } of this.counts) {
      const domain = topology.domainOf[slot]!;
      if (domain < 0) part += '-,';
      else if (topology.members[domain]!.length > smallDomain) part += `d${domain},`;
      else part += `${sums[domain]},`;
    }
    return part;
  }

  /** So many such tasks more on the slot; fewer, where negative. */
  add(slot: number, identity: TaskIdentity, { count, ending }: Presence): void {
    const amounts = this.#amountsOf(identity);
    if (!amounts) return;
    for (let at = 0; at < amounts.length; at++) {
      const tasks = this.#dimensions[at]!.countsEnding ? count : count - ending;
      const counts = this.counts[at]!;
      if (counts.add(slot, amounts[at]! * tasks)) this.#noteMoved(counts, slot);
    }
  }

  #noteMoved({ topology }: DomainCounts, slot: number): void {
    const members = topology.members[topology.domainOf[slot]!];
    if (members && members.length <= smallDomain) this.moved.push(...members);
  }

  /** Undefined: such tasks are of no account. */
  #amountsOf(identity: TaskIdentity): readonly number[] | undefined {
    const known = this.#amounts.get(identity);
    if (known !== undefined || this.#amounts.has(identity)) return known;
    if (this.#amounts.size >= maxRemembered) this.#amounts.clear();
    const amounts = this.#dimensions.map(({ amountOf }) => amountOf(identity));
    const said = amounts.some((amount) => amount !== 0) ? amounts : undefined;
    this.#amounts.set(identity, said);
    return said;
  }
}
