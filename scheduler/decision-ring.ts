/** The last placements with the score each plugin gave, for who asks why a task is where it is. */
import type { Placed } from './decider.ts';

export interface DecisionRecord {
  /** RFC 3339. */
  time: string;
  /** `namespace/name`. */
  task: string;
  node: string;
  /** Job of the gang it was placed with. */
  gang?: string;
  /** Weighted sum, and each plugin's part of it; a gang's members have none. */
  score?: number;
  scores?: readonly { plugin: string; score: number }[];
}

const capacity = 4096;

export class DecisionRing {
  readonly #records: DecisionRecord[] = [];
  #next = 0;

  add(placed: Placed, nowMs: number): void {
    const { queued, node, gang, score, scores } = placed;
    this.#records[this.#next] = {
      time: new Date(nowMs).toISOString(),
      task: queued.task.key,
      node,
      ...(gang === undefined ? {} : { gang }),
      ...(score === undefined ? {} : { score }),
      ...(scores === undefined ? {} : { scores }),
    };
    this.#next = (this.#next + 1) % capacity;
  }

  /** Newest first; of one task, when its key is given. */
  list(task?: string): DecisionRecord[] {
    const inOrder = [...this.#records.slice(this.#next), ...this.#records.slice(0, this.#next)].reverse();
    return task === undefined ? inOrder : inOrder.filter((record) => record.task === task);
  }
}
