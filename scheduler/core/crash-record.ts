/** On which nodes the attempts of each piece of work failed: a memory with an end, which forgets the oldest work. */
import type { Task } from '../../api/kinds/task.ts';
import { controllerOf } from '../../api/meta/object-meta.ts';

/** Pieces of work remembered. */
const maxWorks = 10_000;

export class CrashRecord {
  /** By work, node and uid of the attempt: the same is told again and again. */
  readonly #nodes = new Map<string, Map<string, Set<string>>>();

  note(work: string, node: string, uid: string): void {
    const nodes = this.#nodes.get(work) ?? new Map<string, Set<string>>();
    nodes.set(node, (nodes.get(node) ?? new Set()).add(uid));
    this.#nodes.set(work, nodes);
    if (this.#nodes.size > maxWorks) this.#nodes.delete(this.#nodes.keys().next().value ?? '');
  }

  /** Failed attempts by node. */
  of(work: string): Iterable<readonly [node: string, attempts: number]> {
    return [...(this.#nodes.get(work) ?? [])].map(([node, uids]) => [node, uids.size]);
  }
}

/** What an attempt is an attempt at: the index of a job. Undefined for a task of its own. */
export function workOf(task: Task): string | undefined {
  const owner = controllerOf(task)?.uid;
  const { index } = task.spec;
  return owner === undefined || index === undefined ? undefined : `${owner}/${index}`;
}

const toldToGo: ReadonlySet<string> = new Set(['Evicted', 'Preempted', 'NodeShutdown']);

/** It failed by itself there; one that was told to go did not. */
export function hasCrashed({ status }: Task): boolean {
  return status.phase === 'Failed' && !toldToGo.has(status.reason ?? '');
}
