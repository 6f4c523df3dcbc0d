/**
 * Tasks (or points) per domain of one topology, kept up slot by slot. Only slots that count add to their
 * domain, and only domains with such a slot are domains.
 *
 * Invariant: sum of a domain = what `add` gave its counting slots; `least` = the lowest sum of a domain.
 */
import type { Topology } from './topology.ts';

export class DomainCounts {
  readonly topology: Topology;
  /** By domain. */
  readonly sums: Float64Array;
  /** Of all domains together. */
  total = 0;
  /** How many domains there are. */
  domains = 0;
  readonly #amounts: Float64Array;
  readonly #counts: Uint8Array;
  /** By domain: slots that count. */
  readonly #nodes: Int32Array;
  /** How many domains have each sum. */
  readonly #levels = new Map<number, number>();
  #least = Number.POSITIVE_INFINITY;

  constructor(topology: Topology) {
    const slots = topology.domainOf.length;
    this.topology = topology;
    this.sums = new Float64Array(topology.members.length);
    this.#nodes = new Int32Array(topology.members.length);
    this.#amounts = new Float64Array(slots);
    this.#counts = new Uint8Array(slots);
  }

  /** The lowest sum of a domain; infinite when there is no domain. */
  get least(): number {
    return this.#least;
  }

  /** Undefined where the slot is in no domain. */
  sumAt(slot: number): number | undefined {
    const domain = this.topology.domainOf[slot]!;
    return domain < 0 ? undefined : this.sums[domain]!;
  }

  /** Gives whether the sum of the slot's domain changed. */
  add(slot: number, amount: number): boolean {
    this.#amounts[slot]! += amount;
    if (amount === 0 || this.#counts[slot] === 0) return false;
    this.#shift(this.topology.domainOf[slot]!, amount);
    return true;
  }

  /** Whether what is on the slot counts. Gives whether that is new. */
  setCounting(slot: number, counting: boolean): boolean {
    const domain = this.topology.domainOf[slot]!;
    const isCounting = counting && domain >= 0;
    if (isCounting === (this.#counts[slot] === 1)) return false;
    this.#counts[slot] = Number(isCounting);
    if (isCounting) {
      if (this.#nodes[domain]!++ === 0) this.#enter(this.sums[domain]!);
      this.#shift(domain, this.#amounts[slot]!);
    } else {
      this.#shift(domain, -this.#amounts[slot]!);
      if (--this.#nodes[domain]! === 0) this.#leave(this.sums[domain]!);
    }
    return true;
  }

  #shift(domain: number, amount: number): void {
    const before = this.sums[domain]!;
    this.sums[domain] = before + amount;
    this.total += amount;
    if (amount === 0) return;
    this.#enter(before + amount);
    this.#leave(before);
  }

  #enter(level: number): void {
    this.#levels.set(level, (this.#levels.get(level) ?? 0) + 1);
    this.domains++;
    if (level < this.#least) this.#least = level;
  }

  #leave(level: number): void {
    this.domains--;
    const left = this.#levels.get(level)! - 1;
    if (left > 0) {
      this.#levels.set(level, left);
      return;
    }
    this.#levels.delete(level);
    if (level !== this.#least) return;
    this.#least = Number.POSITIVE_INFINITY;
    for (const other of this.#levels.keys()) if (other < this.#least) this.#least = other;
  }
}
