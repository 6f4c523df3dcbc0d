/**
 * Runs what is about the same key one after another. Optimistic writers of one server would only defeat
 * each other; in turn, each wins at its first attempt.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  async take<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before ? before.then(act) : act();
    const settled = mine.catch(() => {});
    this.#last.set(key, settled);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }

  /** A turn at several keys at once; asked for in one order by everybody, so that nobody waits in a circle. */
  takeAll<T>(keys: readonly string[], act: () => Promise<T>): Promise<T> {
    const inOrder = [...new Set(keys)].sort();
    return inOrder.reduceRight((inner, key) => () => this.take(key, inner), act)();
  }
}
