/**
 * The best of all slots at any time: a tournament over slots by (value, name), where a change of one slot
 * is played again only as far up as it matters. The lowest round is played in groups of neighbouring slots,
 * so that a change mostly touches no more memory than its own group.
 *
 * Invariant: after `set` or `build`, every group holds its best slot and every inner node the better of its
 * two children. Ranks may be renumbered between calls, as long as the order of the slots that were not
 * `set` stays the same.
 */

/** Value of a slot that cannot be chosen; all others are 0 or more. */
export const infeasible = -1;
const nobody = -1;
const groupBits = 4;

/** By how much one search lowers the value of a slot: 0 for most slots, never more. */
export type Handicap = (slot: number) => number;

/** Slots in the order of their values. */
export interface Ranking {
  /** By slot; filled in before `build`, changed by `set` after it. */
  readonly values: Float64Array;
  set(slot: number, value: number, rank: Int32Array): void;
  build(rank: Int32Array): void;
  /** The best slot, some values lowered; -1 when there is none. */
  bestWith(handicap: Handicap | undefined, rank: Int32Array): number;
}

export class ScoreTree implements Ranking {
  readonly values: Float64Array;
  /** Inner node n has children 2n and 2n+1; from `#groups` on they are the groups. Holds slots. */
  readonly #winners: Int32Array;
  readonly #groups: number;

  constructor(capacity: number) {
    let groups = 2;
    while (groups << groupBits < capacity) groups *= 2;
    this.#groups = groups;
    this.values = new Float64Array(groups << groupBits).fill(infeasible);
    this.#winners = new Int32Array(2 * groups).fill(nobody);
  }

  set(slot: number, value: number, rank: Int32Array): void {
    const { values } = this;
    const winners = this.#winners;
    let at = (slot >> groupBits) + this.#groups;
    const before = winners[at]!;
    values[slot] = value;
    if (before === slot) winners[at] = this.#bestOfGroup(at - this.#groups, rank);
    else if (value !== infeasible && this.#better(before, slot, rank) === slot) winners[at] = slot;
    else return;
    for (at >>= 1; at >= 1; at >>= 1) {
      const previous = winners[at]!;
      const winner = this.#better(winners[2 * at]!, winners[2 * at + 1]!, rank);
      winners[at] = winner;
      if (winner === previous && winner !== slot) return;
    }
  }

  /** Plays the whole tournament, after `values` was filled in. */
  build(rank: Int32Array): void {
    const winners = this.#winners;
    for (let group = 0; group < this.#groups; group++)
      winners[this.#groups + group] = this.#bestOfGroup(group, rank);
    for (let at = this.#groups - 1; at >= 1; at--)
      winners[at] = this.#better(winners[2 * at]!, winners[2 * at + 1]!, rank);
  }

  /** Branch and bound from the root. */
  bestWith(handicap: Handicap | undefined, rank: Int32Array): number {
    const { values } = this;
    const winners = this.#winners;
    if (!handicap) return winners[1]!;
    const groups = this.#groups;
    let best = nobody;
    let bestValue = infeasible;
    const beatsBest = (slot: number, value: number): boolean =>
      value > bestValue || (value === bestValue && rank[slot]! < rank[best]!);
    const consider = (slot: number): void => {
      if (values[slot] === infeasible) return;
      const value = values[slot]! + handicap(slot);
      if (best !== nobody && !beatsBest(slot, value)) return;
      best = slot;
      bestValue = value;
    };
    const search = (at: number): void => {
      const winner = winners[at]!;
      if (winner === nobody || (best !== nobody && !beatsBest(winner, values[winner]!))) return;
      if (handicap(winner) === 0) {
        consider(winner);
      } else if (at < groups) {
        // The side without the handicapped winner first: what it gives bounds the other.
        const side = winners[2 * at] === winner ? 1 : 0;
        search(2 * at + side);
        search(2 * at + 1 - side);
      } else {
        const first = (at - groups) << groupBits;
        for (let slot = first; slot < first + (1 << groupBits); slot++) consider(slot);
      }
    };
    search(1);
    return best;
  }

  #bestOfGroup(group: number, rank: Int32Array): number {
    const { values } = this;
    const first = group << groupBits;
    let best = nobody;
    let bestValue = infeasible;
    for (let slot = first; slot < first + (1 << groupBits); slot++) {
      const value = values[slot]!;
      if (value < bestValue || value === infeasible) continue;
      if (value === bestValue && rank[slot]! > rank[best]!) continue;
      best = slot;
      bestValue = value;
    }
    return best;
  }

  #better(left: number, right: number, rank: Int32Array): number {
    if (left === nobody) return right;
    if (right === nobody) return left;
    const difference = this.values[left]! - this.values[right]!;
    if (difference !== 0) return difference > 0 ? left : right;
    return rank[left]! < rank[right]! ? left : right;
  }
}
