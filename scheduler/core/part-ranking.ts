/**
 * The best slot where whole domains open, close and change their worth with every placement: slots lie in
 * parts, each a heap of its own. What spread and affinity say is said once per part, so a decision costs as
 * much as there are parts, and a placement touches the slots of one small domain at most.
 *
 * Invariant: a slot is in the heap of its part exactly when its value is feasible. Ranks may be
 * renumbered between calls, as long as the order of the slots in the heaps stays the same.
 */
import { type Handicap, infeasible, type Ranking } from './score-tree.ts';

/** What the parts are told apart by: slots of one part have the same text. */
export interface Partition {
  partOf(slot: number): string;
}

export interface PartRules {
  partitions: readonly Partition[];
  /** By how much the values of each part are raised, given a slot of it; undefined where it is closed. */
  judge(slots: readonly number[]): (number | undefined)[];
}

interface Part {
  key: string;
  /** Slots whose part it is, feasible or not. */
  members: number;
  /** The feasible ones; the best comes first; the children of n are 2n + 1 and 2n + 2. */
  heap: number[];
}

const nobody = -1;

export class PartRanking implements Ranking {
  readonly values: Float64Array;
  readonly #rules: PartRules;
  readonly #parts = new Map<string, Part>();
  readonly #partOf: (Part | undefined)[] = [];
  /** By slot: where in the heap of its part; -1 where it is not. */
  readonly #position: Int32Array;

  constructor(capacity: number, rules: PartRules) {
    this.values = new Float64Array(capacity).fill(infeasible);
    this.#position = new Int32Array(capacity).fill(nobody);
    this.#rules = rules;
  }

  set(slot: number, value: number, rank: Int32Array): void {
    const part = (this.#partOf[slot] ??= this.#enter(slot));
    const before = this.values[slot]!;
    if (value === before) return;
    this.values[slot] = value;
    if (before === infeasible) this.#insert(slot, part, rank);
    else if (value === infeasible) this.#remove(slot, part, rank);
    else this.#settle(part.heap, this.#position[slot]!, rank);
  }

  build(rank: Int32Array): void {
    for (let slot = 0; slot < this.values.length; slot++)
      if (this.values[slot] !== infeasible)
        this.#insert(slot, (this.#partOf[slot] ??= this.#enter(slot)), rank);
  }

  /** The slot may be of another part now. */
  move(slot: number, rank: Int32Array): void {
    const part = this.#partOf[slot];
    if (!part || part.key === this.#keyOf(slot)) return;
    const isRanked = this.#position[slot] !== nobody;
    if (isRanked) this.#remove(slot, part, rank);
    if (--part.members === 0) this.#parts.delete(part.key);
    const next = this.#enter(slot);
    this.#partOf[slot] = next;
    if (isRanked) this.#insert(slot, next, rank);
  }

  bestWith(handicap: Handicap | undefined, rank: Int32Array): number {
    const heaps: number[][] = [];
    for (const { heap } of this.#parts.values()) if (heap.length > 0) heaps.push(heap);
    const raises = this.#rules.judge(heaps.map((heap) => heap[0]!));
    const search = new Search(this.values, rank, handicap);
    for (let at = 0; at < heaps.length; at++) {
      const raise = raises[at];
      if (raise !== undefined) search.look(heaps[at]!, 0, raise);
    }
    return search.best;
  }

  #keyOf(slot: number): string {
    const { partitions } = this.#rules;
    if (partitions.length === 1) return partitions[0]!.partOf(slot);
    return partitions.map((partition) => partition.partOf(slot)).join('|');
  }

  #enter(slot: number): Part {
    const key = this.#keyOf(slot);
    let part = this.#parts.get(key);
    if (!part) this.#parts.set(key, (part = { key, members: 0, heap: [] }));
    part.members++;
    return part;
  }

  #insert(slot: number, { heap }: Part, rank: Int32Array): void {
    this.#rise(heap, heap.push(slot) - 1, rank);
  }

  #remove(slot: number, { heap }: Part, rank: Int32Array): void {
    const at = this.#position[slot]!;
    const last = heap.pop()!;
    this.#position[slot] = nobody;
    if (last === slot) return;
    heap[at] = last;
    this.#settle(heap, at, rank);
  }

  #settle(heap: number[], at: number, rank: Int32Array): void {
    if (this.#rise(heap, at, rank) === at) this.#sink(heap, at, rank);
  }

  #rise(heap: number[], from: number, rank: Int32Array): number {
    const slot = heap[from]!;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBetter(slot, heap[above]!, rank)) break;
      this.#put(heap, at, heap[above]!);
      at = above;
    }
    this.#put(heap, at, slot);
    return at;
  }

  #sink(heap: number[], from: number, rank: Int32Array): void {
    const slot = heap[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBetter(heap[child + 1]!, heap[child]!, rank)) child++;
      if (!this.#isBetter(heap[child]!, slot, rank)) break;
      this.#put(heap, at, heap[child]!);
      at = child;
    }
    this.#put(heap, at, slot);
  }

  #put(heap: number[], at: number, slot: number): void {
    heap[at] = slot;
    this.#position[slot] = at;
  }

  #isBetter(left: number, right: number, rank: Int32Array): boolean {
    const difference = this.values[left]! - this.values[right]!;
    return difference > 0 || (difference === 0 && rank[left]! < rank[right]!);
  }
}

/** Branch and bound over heaps: nothing below a slot is better than it is without its handicap. */
class Search {
  best = nobody;
  #bestValue = infeasible;
  readonly #values: Float64Array;
  readonly #rank: Int32Array;
  readonly #handicap: Handicap | undefined;

  constructor(values: Float64Array, rank: Int32Array, handicap: Handicap | undefined) {
    this.#values = values;
    this.#rank = rank;
    this.#handicap = handicap;
  }

  look(heap: readonly number[], at: number, raise: number): void {
    const slot = heap[at];
    if (slot === undefined) return;
    const value = this.#values[slot]! + raise;
    if (!this.#beatsBest(slot, value)) return;
    const handicap = this.#handicap?.(slot) ?? 0;
    if (this.#beatsBest(slot, value + handicap)) {
      this.best = slot;
      this.#bestValue = value + handicap;
    }
    if (handicap === 0) return;
    this.look(heap, 2 * at + 1, raise);
    this.look(heap, 2 * at + 2, raise);
  }

  #beatsBest(slot: number, value: number): boolean {
    if (this.best === nobody || value > this.#bestValue) return true;
    return value === this.#bestValue && this.#rank[slot]! < this.#rank[this.best]!;
  }
}
