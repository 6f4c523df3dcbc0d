/** Which port is taken on which node (by slot). A port may be counted twice where an agent reports what should not be. */

export class PortTable {
  /** Per port, how many tasks hold it on each slot. */
  readonly #holders = new Map<string, Map<number, number>>();

  holders(port: string): Iterable<number> {
    return this.#holders.get(port)?.keys() ?? [];
  }

  isTaken(port: string, slot: number): boolean {
    return this.#holders.get(port)?.has(slot) ?? false;
  }

  take(port: string, slot: number): void {
    const slots = this.#holders.get(port) ?? new Map<number, number>();
    this.#holders.set(port, slots.set(slot, (slots.get(slot) ?? 0) + 1));
  }

  giveBack(port: string, slot: number): void {
    const slots = this.#holders.get(port);
    const count = slots?.get(slot) ?? 0;
    if (count > 1) slots?.set(slot, count - 1);
    else slots?.delete(slot);
    if (slots?.size === 0) this.#holders.delete(port);
  }
}
