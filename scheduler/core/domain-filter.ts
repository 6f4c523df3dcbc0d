/**
 * A filter that refuses nodes by what is in whole domains (spread, anti-affinity), for preemption: it can be asked
 * what it would say of a node if some of its tasks were gone (kube-scheduler's PreFilterExtensions).
 *
 * Invariant: its ledger is nobody else's, and whoever takes tasks off puts them back.
 */
import type { DomainLedger } from './domain-ledger.ts';
import type { SlotFilter } from './profile.ts';
import type { Resident } from './residents.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';

export class DomainFilter {
  readonly #plugin: SlotFilter;
  readonly #state: unknown;
  readonly #snapshot: Snapshot;
  readonly #ledger: DomainLedger;

  private constructor(
    plugin: SlotFilter,
    state: unknown,
    known: { snapshot: Snapshot; ledger: DomainLedger },
  ) {
    this.#plugin = plugin;
    this.#state = state;
    this.#snapshot = known.snapshot;
    this.#ledger = known.ledger;
  }

  /** Those among the filters that have something to say about the task; good until the snapshot changes. */
  static of(filters: readonly SlotFilter[], task: SchedulingTask, snapshot: Snapshot): DomainFilter[] {
    return filters.flatMap((plugin) => {
      const state = plugin.ledgerOf && plugin.preFilter(task, snapshot);
      const ledger = state === undefined ? undefined : plugin.ledgerOf?.(state);
      return ledger ? [new DomainFilter(plugin, state, { snapshot, ledger })] : [];
    });
  }

  admits(slot: number): boolean {
    return this.#plugin.admits(this.#state, this.#snapshot, slot);
  }

  takeOff(slot: number, { identity, ending }: Resident): void {
    this.#ledger.add(slot, identity, { count: -1, ending: ending ? -1 : 0 });
  }

  putBack(slot: number, { identity, ending }: Resident): void {
    this.#ledger.add(slot, identity, { count: 1, ending: ending ? 1 : 0 });
  }
}
