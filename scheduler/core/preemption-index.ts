/**
 * The cheapest preemption for a task that fits nowhere. Candidates are kept per class of like tasks and
 * worked out again only for the slots that changed (the change log), compared again only within their
 * groups, so that thousands of preemptors over thousands of nodes cost little more than one.
 *
 * Invariant: `find` answers what looking at every node anew would answer. It changes nothing.
 */
import { DomainFilter } from './domain-filter.ts';
import { type Candidate, candidateOn, compareCandidates, type VictimCell } from './preemption.ts';
import type { Profile, SlotFilter } from './profile.ts';
import type { Resident } from './residents.ts';
import { classKeyOf, type SchedulingTask } from './scheduling-task.ts';

export interface Preemption {
  node: string;
  slot: number;
  /** The most important first; none when it is enough to wait for tasks that are ending anyway. */
  victims: readonly Resident[];
  /** Whether disruption budgets cannot spare all of them. */
  overridesBudgets: boolean;
}

interface PreemptorClass {
  layout: number;
  budgetChanges: number;
  cursor: number;
  /** Filters that no departure of tasks could change the mind of. */
  lasting: { plugin: SlotFilter; state: unknown }[];
  /** Those that departures of a node's own tasks may. */
  domainFilters: readonly DomainFilter[];
  candidates: (Candidate | undefined)[];
  /** Per group of neighbouring slots: the slot of the best candidate, -1 for none, undefined where a slot changed. */
  leaders: (number | undefined)[];
}

const groupSize = 64;

const maxClasses = 32;
/** Their refusals may end with the victims; preemption does their sums itself. */
const curable = new Set(['NodeResourcesFit', 'NodePorts']);

export class PreemptionIndex {
  readonly #profile: Profile;
  readonly #cell: VictimCell;
  readonly #classes = new Map<string, PreemptorClass>();

  constructor(profile: Profile, cell: VictimCell) {
    this.#profile = profile;
    this.#cell = cell;
  }

  /** Undefined when no preemption makes room, or a filter of the profile cannot be asked node by node. */
  find(task: SchedulingTask): Preemption | undefined {
    if (!this.#profile.slotForms) return undefined;
    const { rank, names, size } = this.#cell.snapshot;
    const { candidates, leaders } = this.#caughtUp(task);
    const compared = { candidates, rank };
    let best = -1;
    for (let first = 0, group = 0; first < size; first += groupSize, group++) {
      let leader = leaders[group];
      if (leader === undefined) {
        leader = -1;
        for (let slot = first; slot < Math.min(first + groupSize, size); slot++)
          leader = better(compared, leader, slot);
        leaders[group] = leader;
      }
      if (leader >= 0) best = better(compared, best, leader);
    }
    const candidate = candidates[best];
    if (!candidate) return undefined;
    const { victims, violations } = candidate;
    return { node: names[best] ?? '', slot: best, victims, overridesBudgets: violations > 0 };
  }

  #caughtUp(task: SchedulingTask): PreemptorClass {
    const { snapshot, budgets } = this.#cell;
    const key = classKeyOf(task, snapshot);
    let found = this.#classes.get(key);
    this.#classes.delete(key);
    if (found && readsOtherNodes(found) && found.cursor !== snapshot.changes) found = undefined;
    if (found?.budgetChanges !== budgets.changes) found = undefined;
    if (!found || found.layout !== snapshot.layout || found.cursor < snapshot.forgottenChanges) {
      found = this.#classFor(task);
      for (let slot = 0; slot < snapshot.size; slot++) this.#read(found, task, slot);
    } else {
      for (let number = found.cursor + 1; number <= snapshot.changes; number++) {
        const slot = snapshot.changedSlot(number);
        if (snapshot.generation[slot] === number) this.#read(found, task, slot);
      }
    }
    found.cursor = snapshot.changes;
    this.#classes.set(key, found);
    if (this.#classes.size > maxClasses) this.#classes.delete(this.#classes.keys().next().value ?? '');
    return found;
  }

  #classFor(task: SchedulingTask): PreemptorClass {
    const { snapshot } = this.#cell;
    const filters = this.#profile.slotForms?.filters ?? [];
    const lasting = filters.flatMap((plugin) => {
      const isCurable = curable.has(plugin.name) || plugin.ledgerOf;
      const state = isCurable ? undefined : plugin.preFilter(task, snapshot);
      return state === undefined ? [] : [{ plugin, state }];
    });
    const domainFilters = DomainFilter.of(filters, task, snapshot);
    const budgetChanges = this.#cell.budgets.changes;
    return {
      layout: snapshot.layout,
      budgetChanges,
      cursor: 0,
      lasting,
      domainFilters,
      candidates: [],
      leaders: [],
    };
  }

  #read(known: PreemptorClass, task: SchedulingTask, slot: number): void {
    const { candidates, leaders, lasting, domainFilters } = known;
    const { snapshot, residents, gangs, budgets } = this.#cell;
    const isOpen =
      snapshot.present[slot] === 1 &&
      lasting.every(({ plugin, state }) => plugin.admits(state, snapshot, slot));
    leaders[Math.floor(slot / groupSize)] = undefined;
    candidates[slot] = isOpen
      ? candidateOn(task, slot, { snapshot, residents, gangs, budgets, domainFilters })
      : undefined;
  }
}

function readsOtherNodes({ lasting, domainFilters }: PreemptorClass): boolean {
  return domainFilters.length > 0 || lasting.some(({ plugin }) => plugin.readsOtherNodes);
}

/** The slot of the cheaper candidate; of equals, the one of the lesser name. */
function better(
  { candidates, rank }: { candidates: PreemptorClass['candidates']; rank: Int32Array },
  best: number,
  slot: number,
): number {
  const candidate = candidates[slot];
  const leader = candidates[best];
  if (!candidate || !leader) return candidate ? slot : best;
  const order = compareCandidates(candidate, leader);
  return order < 0 || (order === 0 && rank[slot]! < rank[best]!) ? slot : best;
}
