/**
 * A rolling hash over decisions in their order: two runs with the same hash decided the same. Proof of
 * determinism, and a cheap comparison of builds on a recorded log. FNV-1a, 32 bits.
 */
export class DecisionHash {
  #state = 0x811c9dc5;

  /** `node` undefined: the task fits nowhere. */
  add(taskKey: string, node: string | undefined): void {
    const text = `${taskKey}>${node ?? ''}\n`;
    let state = this.#state;
    for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
    this.#state = state >>> 0;
  }

  toString(): string {
    return this.#state.toString(16).padStart(8, '0');
  }
}
