/** Ideas about the asked task: which of its own demands could be dropped or lowered. */
import { gpuMilli } from '../../api/kinds/devices.ts';
import type { Task } from '../../api/kinds/resources.ts';
import { taskRequests } from '../../api/kinds/task-request.ts';
import { formatAmount, type ResourceAmounts } from '../../api/meta/quantity.ts';
import type { Idea } from './counterfactual.ts';
import type { Assumption, ForkedCell } from './forked-cell.ts';

type Spec = Task['spec'];

/** What the plugins could do without, each by itself. */
export function demandIdeas(cell: ForkedCell, task: Task): Idea[] {
  return cell
    .relaxationsOf(task)
    .map(({ kind, text, change }) => ({ kind, text, assumption: withSpec(change) }));
}

/**
 * The most the task may ask for and still be placed, under what else is assumed: of one resource if that is
 * enough, else of all that are short on the node that comes closest.
 */
export function requestIdeas(cell: ForkedCell, task: Task, others: readonly Assumption[] = []): Idea[] {
  const requests = taskRequests(task.spec);
  const single = Object.keys(requests)
    .filter((resource) => resource !== 'pods')
    .flatMap((resource) => largestRequest(cell, task, { resource, others }) ?? []);
  if (single.length > 0) return single;
  const decision = cell.decide(task, others);
  const shortages = decision.node === undefined ? decision.explanation.closest?.shortages : undefined;
  if (!shortages) return [];
  const lower = shortages.map(({ resource, missing, requested }): [string, number] => [
    resource,
    roundedDown(resource, requested - missing),
  ]);
  return lower.every(([, amount]) => amount > 0) ? [requestIdea(lower)] : [];
}

/** Fits a lower amount, it fits any below it: a search by halves among what nodes have free. */
function largestRequest(
  cell: ForkedCell,
  task: Task,
  { resource, others }: { resource: string; others: readonly Assumption[] },
): Idea | undefined {
  const requested = taskRequests(task.spec)[resource] ?? 0;
  const amounts = new Set(freeAmounts(cell, resource).map((amount) => roundedDown(resource, amount)));
  const candidates = [...amounts].filter((amount) => amount > 0 && amount < requested);
  candidates.sort((left, right) => left - right);
  const fits = (amount: number): boolean =>
    cell.decide(task, [...others, requestIdea([[resource, amount]]).assumption]).node !== undefined;
  let [low, high] = [0, candidates.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(candidates[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : requestIdea([[resource, candidates[low - 1]!]]);
}

/** What nodes have free of it; of GPUs also what each has free, as a part is never spread over several. */
function freeAmounts({ snapshot }: ForkedCell, resource: string): number[] {
  const free = [...(snapshot.resource(resource)?.free ?? [])].slice(0, snapshot.size);
  if (resource !== gpuMilli) return free;
  for (let slot = 0; slot < snapshot.size; slot++) free.push(...snapshot.deviceFree(slot));
  return free;
}

/** Bytes to whole mebibytes, so that a person can write them down. */
function roundedDown(resource: string, amount: number): number {
  const unit = resource === 'memory' || resource.endsWith('storage') ? 1024 ** 2 : 1;
  return Math.floor(amount / unit) * unit;
}

function requestIdea(lower: readonly (readonly [string, number])[]): Idea {
  const limits = lower.map(([resource, amount]) => `${resource} <= ${formatAmount(resource, amount)}`);
  return {
    kind: 'request',
    text: `if it asked for ${limits.join(' and ')}`,
    assumption: withSpec((spec) => ({
      containers: withRequests(spec, { ...taskRequests(spec), ...Object.fromEntries(lower) }),
    })),
  };
}

/** The first container asks for everything: what counts is the sum. */
function withRequests(
  { containers }: Spec,
  { pods: _implied, ...amounts }: ResourceAmounts,
): Spec['containers'] {
  const requests = Object.entries(amounts).map(([resource, amount]) => [
    resource,
    formatAmount(resource, amount),
  ]);
  return containers.map((container, at) => ({
    ...container,
    resources: { requests: at === 0 ? Object.fromEntries(requests) : {} },
  }));
}

function withSpec(change: (spec: Spec) => Partial<Spec>): Assumption {
  return { task: (task) => ({ ...task, spec: { ...task.spec, ...change(task.spec) } }) };
}
