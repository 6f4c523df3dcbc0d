/**
 * Which tasks are on each slot, by what they are to others: how many of each identity, and how many of these
 * are on their way out. Part of the node table.
 */
import type { TaskIdentity } from './task-identity.ts';

export interface Presence {
  count: number;
  /** Of them, those that were told to end. */
  ending: number;
}

/** One change of what is on a slot. */
export interface TaskChange {
  identity: TaskIdentity;
  count: number;
  ending: number;
}

const nobody: ReadonlyMap<TaskIdentity, Presence> = new Map();

export class PresenceTable {
  /** One object per key, so that readers may compare and remember identities as they are. */
  readonly #interned = new Map<string, { identity: TaskIdentity; slots: number }>();
  readonly #bySlot: Map<TaskIdentity, Presence>[] = [];

  on(slot: number): ReadonlyMap<TaskIdentity, Presence> {
    return this.#bySlot[slot] ?? nobody;
  }

  /** Gives the change with the identity every reader knows. */
  change(slot: number, change: TaskChange): TaskChange {
    const { identity, count, ending } = change;
    const interned = this.#intern(identity);
    let there = this.#bySlot[slot];
    if (!there) this.#bySlot[slot] = there = new Map();
    const presence = there.get(interned.identity);
    if (!presence) {
      there.set(interned.identity, { count, ending });
      interned.slots++;
    } else {
      presence.count += count;
      presence.ending += ending;
      if (presence.count === 0) {
        there.delete(interned.identity);
        if (--interned.slots === 0) this.#interned.delete(identity.key);
      }
    }
    return interned.identity === identity ? change : { identity: interned.identity, count, ending };
  }

  #intern(identity: TaskIdentity): { identity: TaskIdentity; slots: number } {
    let interned = this.#interned.get(identity.key);
    if (!interned) this.#interned.set(identity.key, (interned = { identity, slots: 0 }));
    return interned;
  }
}
