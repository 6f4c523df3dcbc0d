/**
 * Decisions for tasks of like signature without looking at all nodes again (Borg, EuroSys'15 section 3.4:
 * score caching and equivalence classes). Stands in for scheduleTask and gives the same decisions:
 *
 *   first task of a class    every node is filtered and scored, and the totals kept in a tree
 *   the ones after it        only the slots the change log names since then; then the root of the tree
 *
 * What spread and affinity say of whole domains is said per part of the tree (part-ranking.ts). What differs
 * within a class, where the rest of the task's job is, lowers a few slots while searching.
 * Invariant: what `schedule` answers, scheduleTask would answer.
 */
import { EquivalenceClass } from './equivalence-class.ts';
import type { Profile } from './profile.ts';
import { type Decision, scheduleTask } from './schedule.ts';
import { classKeyOf, type SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';

/** Each keeps about 16 bytes per node. */
const maxClasses = 256;

export class ClassIndex {
  readonly #profile: Profile;
  readonly #snapshot: Snapshot;
  /** The one used last comes last. */
  readonly #classes = new Map<string, EquivalenceClass>();

  constructor(profile: Profile, snapshot: Snapshot) {
    this.#profile = profile;
    this.#snapshot = snapshot;
  }

  schedule(task: SchedulingTask): Decision {
    const found = this.#classOf(task);
    // Nobody fits: why not is only known from a look at every node.
    return found?.place(task) ?? scheduleTask(this.#profile, this.#snapshot, task, found?.filterStates);
  }

  #classOf(task: SchedulingTask): EquivalenceClass | undefined {
    const { slotForms, tieBreakers } = this.#profile;
    if (!slotForms) return undefined;
    const classes = this.#classes;
    const domains = slotForms.scorers.flatMap(
      ({ plugin }) => plugin.domainsFor?.(task, this.#snapshot) ?? [],
    );
    const key = [classKeyOf(task, this.#snapshot), ...domains.map((domain) => domain.key)].join('\n');
    let found = classes.get(key);
    if (found) classes.delete(key);
    if (!found?.isValid)
      found = new EquivalenceClass(this.#snapshot, task, { ...slotForms, tieBreakers, domains });
    classes.set(key, found);
    if (classes.size > maxClasses) classes.delete(classes.keys().next().value ?? '');
    return found;
  }
}
