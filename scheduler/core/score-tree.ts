/**
 * The best of all slots at any time: a tournament over slots by (total, fit, name), where a change of one
 * slot is played again only as far up as it matters.
 *
 * Invariant: after `set` or `build`, every inner node holds the better of its two children. Ranks may be
 * renumbered between calls, as long as the order of the slots that were not `set` stays the same.
 */

/** Of a slot that cannot be chosen. */
export const infeasible = -1;
const nobody = -1;

/** By how much one search lowers the total of a slot: 0 for most slots, never more. */
export type Handicap = (slot: number) => number;

export class ScoreTree {
  /** By slot: weighted sum of the rounded scores, or `infeasible`. */
  readonly totals: Int32Array;
  /** By slot: decides between equal totals. */
  readonly fits: Float64Array;
  /** Inner node n has children 2n and 2n+1; from `#leaves` on they are the slots themselves. */
  readonly #winners: Int32Array;
  readonly #leaves: number;

  constructor(capacity: number) {
    let leaves = 2;
    while (leaves < capacity) leaves *= 2;
    this.#leaves = leaves;
    this.totals = new Int32Array(leaves).fill(infeasible);
    this.fits = new Float64Array(leaves);
    this.#winners = new Int32Array(leaves).fill(nobody);
  }

  /** The best slot, or -1. */
  get best(): number {
    return this.#winners[1]!;
  }

  set(slot: number, total: number, { fit, rank }: { fit: number; rank: Int32Array }): void {
    this.totals[slot] = total;
    this.fits[slot] = fit;
    const winners = this.#winners;
    for (let at = (slot + this.#leaves) >> 1; at >= 1; at >>= 1) {
      const before = winners[at]!;
      const winner = this.#play(at, rank);
      winners[at] = winner;
      if (winner === before && winner !== slot) return;
    }
  }

  /** Plays the whole tournament, after `totals` and `fits` were filled in. */
  build(rank: Int32Array): void {
    for (let at = this.#leaves - 1; at >= 1; at--) this.#winners[at] = this.#play(at, rank);
  }

  /** The best slot when some totals are lower than the tree has them: branch and bound from the root. */
  bestWith(handicap: Handicap, rank: Int32Array): number {
    let best = nobody;
    let bestTotal = 0;
    const search = (at: number): void => {
      const winner = this.#winnerOf(at);
      if (winner === nobody) return;
      const total = this.totals[winner]!;
      if (best !== nobody && !this.#beats(winner, total, { slot: best, total: bestTotal, rank })) return;
      const lowered = total + handicap(winner);
      if (lowered === total) {
        best = winner;
        bestTotal = total;
      } else if (at < this.#leaves) {
        // The side without the handicapped winner first: what it gives bounds the other.
        const side = this.#winnerOf(2 * at) === winner ? 1 : 0;
        search(2 * at + side);
        search(2 * at + 1 - side);
      } else {
        if (best !== nobody && !this.#beats(winner, lowered, { slot: best, total: bestTotal, rank })) return;
        best = winner;
        bestTotal = lowered;
      }
    };
    search(1);
    return best;
  }

  #winnerOf(at: number): number {
    if (at < this.#leaves) return this.#winners[at]!;
    const slot = at - this.#leaves;
    return this.totals[slot] === infeasible ? nobody : slot;
  }

  #play(at: number, rank: Int32Array): number {
    const left = this.#winnerOf(2 * at);
    const right = this.#winnerOf(2 * at + 1);
    if (left === nobody) return right;
    if (right === nobody) return left;
    const { totals, fits } = this;
    if (totals[left] !== totals[right]) return totals[left]! > totals[right]! ? left : right;
    if (fits[left] !== fits[right]) return fits[left]! > fits[right]! ? left : right;
    return rank[left]! < rank[right]! ? left : right;
  }

  #beats(slot: number, total: number, other: { slot: number; total: number; rank: Int32Array }): boolean {
    if (total !== other.total) return total > other.total;
    const { fits } = this;
    if (fits[slot] !== fits[other.slot]) return fits[slot]! > fits[other.slot]!;
    return other.rank[slot]! < other.rank[other.slot]!;
  }
}
