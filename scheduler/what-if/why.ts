/**
 * Why is a task pending, and what would change that? The production core decides on a fork of the cell; what
 * it refuses is explained, and every idea of what would help is tried before it is told. Pure.
 */
import type { Task } from '../../api/kinds/resources.ts';
import type { Explanation } from '../core/explain.ts';
import type { Counterfactual, Idea, IdeaKind } from './counterfactual.ts';
import type { ForkedCell } from './forked-cell.ts';
import { nodeIdeas } from './node-ideas.ts';
import { demandIdeas, requestIdeas } from './task-ideas.ts';

export type Why =
  /** It would be placed there now: its scheduler has not come to it, or is not running. */
  { fits: true; node: string } | { fits: false; explanation: Explanation; counterfactuals: Counterfactual[] };

/** Of one kind, the first so many that work are enough. */
const maxPerKind = 3;
/** Ideas tried of one kind; beyond these a large cell would take too long. */
const maxTries = 200;

export function whyPending(cell: ForkedCell, task: Task): Why {
  const decision = cell.decide(task);
  if (decision.node !== undefined) return { fits: true, node: decision.node };
  const { explanation } = decision;
  const ideas = capped([...demandIdeas(cell, task), ...nodeIdeas(cell, task)]);
  const alone = working(cell, task, [
    ...requestIdeas(cell, task).map((idea) => [idea]),
    ...ideas.map((idea) => [idea]),
  ]);
  const counterfactuals = alone.length > 0 ? alone : working(cell, task, pairs(cell, task, ideas));
  return { fits: false, explanation, counterfactuals };
}

/** Two ideas at a time, and one with a lower request. */
function* pairs(cell: ForkedCell, task: Task, ideas: readonly Idea[]): Iterable<Idea[]> {
  const few = ideas.slice(0, maxTries / 4);
  for (const idea of few) {
    for (const request of requestIdeas(cell, task, [idea.assumption])) yield [idea, request];
  }
  for (const [at, first] of few.entries()) {
    for (const second of few.slice(at + 1)) if (areIndependent(first, second)) yield [first, second];
  }
}

/** Two assumptions about nodes could be about the same one, and the later would undo the earlier. */
function areIndependent(first: Idea, second: Idea): boolean {
  return !(first.assumption.nodes && second.assumption.nodes);
}

function working(cell: ForkedCell, task: Task, candidates: Iterable<readonly Idea[]>): Counterfactual[] {
  const found: Counterfactual[] = [];
  const perKind = new Map<string, number>();
  for (const ideas of candidates) {
    const kinds = ideas.map(({ kind }) => kind);
    const key = kinds.join();
    if ((perKind.get(key) ?? 0) >= maxPerKind) continue;
    const assumptions = ideas.map(({ assumption }) => assumption);
    const { node } = cell.decide(task, assumptions);
    if (node === undefined) continue;
    perKind.set(key, (perKind.get(key) ?? 0) + 1);
    found.push({ kinds, text: joined(ideas), node, assumptions });
  }
  return found;
}

/** "if A, and if B". */
function joined(ideas: readonly Idea[]): string {
  return ideas.map(({ text }) => text).join(', and ');
}

function capped(ideas: readonly Idea[]): Idea[] {
  const counts = new Map<IdeaKind, number>();
  return ideas.filter(({ kind }) => {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= maxTries;
  });
}
