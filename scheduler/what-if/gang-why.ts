/**
 * Why is a gang pending, and what would change that? As for one task (why.ts), but what is tried is tried on all
 * its waiting members at once, by the production decider: an idea that helps one of them alone is not told.
 */
import type { Node, Task } from '../../api/kinds/resources.ts';
import type { Counterfactual, Idea } from './counterfactual.ts';
import { ForkedCell } from './forked-cell.ts';
import { nodeIdeas, oneMoreLike } from './node-ideas.ts';
import { type CellCopy, planTasks } from './plan-tasks.ts';
import { demandIdeas } from './task-ideas.ts';
import type { Why } from './why.ts';

/** Ideas tried; each is a decision on the whole gang. */
const maxTries = 100;
const maxFound = 6;

/** `members` wait, and `task` is one of them. */
export function whyGangPending(cell: CellCopy, task: Task, members: readonly Task[]): Why {
  const [first] = placesOf(cell, task, members);
  if (first.node !== undefined) return { fits: true, node: first.node };
  const fork = new ForkedCell(cell.nodes, cell.tasks, cell);
  const ideas = [
    ...fewerMembers(task),
    ...demandIdeas(fork, task),
    ...nodeIdeas(fork, task),
    ...moreNodes(cell.nodes, task),
  ].slice(0, maxTries);
  const counterfactuals: Counterfactual[] = [];
  /** The least of a kind that helps is enough; jobs are each another. */
  const told = new Set<string>();
  for (const { kind, text, assumption } of ideas) {
    const { nodes = [], ended = [], task: change = (one) => one } = assumption;
    const replaced = new Set(nodes.map(({ metadata }) => metadata.name));
    const over = new Set(ended.map(({ metadata }) => metadata.uid));
    const assumed = {
      ...cell,
      nodes: [...cell.nodes.filter(({ metadata }) => !replaced.has(metadata.name)), ...nodes],
      tasks: cell.tasks.filter(({ metadata }) => !over.has(metadata.uid)),
    };
    const [{ node }] = placesOf(assumed, task, members.map(change));
    if (node === undefined || (kind !== 'jobEnds' && told.has(kind))) continue;
    told.add(kind);
    counterfactuals.push({ kinds: [kind], text, node, assumptions: [assumption] });
    if (counterfactuals.length === maxFound) break;
  }
  return { fits: false, explanation: first.explanation, counterfactuals };
}

function placesOf({ mayPreempt: _never, ...cell }: CellCopy, task: Task, members: readonly Task[]) {
  const planned = planTasks(cell, members);
  const mine = planned.filter((one) => one.task.metadata.uid === task.metadata.uid);
  return [mine[0] ?? planned[0]!] as const;
}

/** The largest minimum that would do comes first. */
function fewerMembers({ spec: { gang } }: Task): Idea[] {
  if (!gang) return [];
  return Array.from({ length: gang.minMember - 1 }, (_, less) => gang.minMember - 1 - less)
    .slice(0, maxTries / 4)
    .map((minMember) => ({
      kind: 'gang',
      text: `if its gang needed ${minMember} at once`,
      assumption: { task: (task) => ({ ...task, spec: { ...task.spec, gang: { ...gang, minMember } } }) },
    }));
}

function moreNodes(nodes: readonly Node[], { spec: { gang } }: Task): Idea[] {
  const [model] = nodes;
  if (!gang || !model) return [];
  return Array.from({ length: Math.min(gang.minMember, maxTries / 4) }, (_, at) => at + 2).map((count) => ({
    kind: 'nodeAdded',
    text: `if ${count} more nodes like ${model.metadata.name} came`,
    assumption: { nodes: Array.from({ length: count }, (_, at) => oneMoreLike(model, at + 1)) },
  }));
}
