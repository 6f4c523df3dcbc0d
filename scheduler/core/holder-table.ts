/**
 * What is where: per key (a port, a job), how many tasks have it on each slot. More than one task may have the
 * same port on a slot where an agent reports what should not be.
 */

const nowhere: ReadonlyMap<number, number> = new Map();

export class HolderTable {
  readonly #holders = new Map<string, Map<number, number>>();

  /** Tasks by slot; slots with none are not in it. */
  holders(key: string): ReadonlyMap<number, number> {
    return this.#holders.get(key) ?? nowhere;
  }

  take(key: string, slot: number): void {
    const slots = this.#holders.get(key) ?? new Map<number, number>();
    this.#holders.set(key, slots.set(slot, (slots.get(slot) ?? 0) + 1));
  }

  giveBack(key: string, slot: number): void {
    const slots = this.#holders.get(key);
    const count = slots?.get(slot) ?? 0;
    if (count > 1) slots?.set(slot, count - 1);
    else slots?.delete(slot);
    if (slots?.size === 0) this.#holders.delete(key);
  }
}
