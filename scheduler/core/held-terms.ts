/**
 * The affinity terms of the tasks that run, counted, so that it is quickly known which of them concern a task
 * that comes. Found by one label they ask for: most terms ask for a label of one value.
 */
import type { Labels } from '../../api/meta/label-selector.ts';
import { type HeldTerm, selects, type TaskIdentity } from './task-identity.ts';

const none: readonly HeldTerm[] = [];
/** Index of terms that ask for no label of one value. */
const anyLabel = '';

export class HeldTerms {
  readonly #index = new Map<string, Map<string, { term: HeldTerm; count: number }>>();

  add({ terms }: TaskIdentity): void {
    for (const term of terms) {
      const label = labelOf(term);
      const there = this.#index.get(label) ?? new Map<string, { term: HeldTerm; count: number }>();
      this.#index.set(label, there);
      const held = there.get(term.key);
      if (held) held.count++;
      else there.set(term.key, { term, count: 1 });
    }
  }

  remove({ terms }: TaskIdentity): void {
    for (const term of terms) {
      const label = labelOf(term);
      const there = this.#index.get(label);
      const held = there?.get(term.key);
      if (!there || !held || --held.count > 0) continue;
      there.delete(term.key);
      if (there.size === 0) this.#index.delete(label);
    }
  }

  /** Those that select the task, in the order of their keys. */
  selecting(task: TaskIdentity, namespaces: ReadonlyMap<string, Labels>): readonly HeldTerm[] {
    if (this.#index.size === 0) return none;
    const found: HeldTerm[] = [];
    const look = (label: string): void => {
      for (const { term } of this.#index.get(label)?.values() ?? [])
        if (selects(term.selector, task, namespaces)) found.push(term);
    };
    look(anyLabel);
    for (const key in task.labels) look(`${key}=${task.labels[key]}`);
    return found.length === 0 ? none : found.sort((left, right) => (left.key < right.key ? -1 : 1));
  }
}

function labelOf({ selector }: HeldTerm): string {
  const one = selector.requirements?.find(
    ({ operator, values }) => operator === 'In' && values?.length === 1,
  );
  return one ? `${one.key}=${one.values?.[0]}` : anyLabel;
}
