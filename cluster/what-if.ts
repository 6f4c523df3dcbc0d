/**
 * The door from the CLI to the scheduler's what-if: reads nodes and tasks of a live cluster through the
 * client, lets the pure part answer, prints the answer.
 */
import { Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { keyOf } from '../api/meta/object-meta.ts';
import type { Output } from '../cli/output.ts';
import { formatTable } from '../cli/table.ts';
import type { Client, ObjectKey } from '../client/client.ts';
import type { RankedNode } from '../scheduler/core/schedule.ts';
import type { ProfileFlags } from '../scheduler/profile-choice.ts';
import { ForkedCell } from '../scheduler/what-if/forked-cell.ts';
import { whyGangPending } from '../scheduler/what-if/gang-why.ts';
import { type PlannedTask, planTasks } from '../scheduler/what-if/plan-tasks.ts';
import { type Why, whyPending } from '../scheduler/what-if/why.ts';
import { type LiveCell, readLiveCell, waitingTasks } from './live-cell.ts';

export interface WhyOptions extends ProfileFlags {
  client: Client;
  task: ObjectKey;
  json: boolean;
}

/** Gives exit code 0: also of a task that fits nowhere the answer is an answer. */
export async function why(options: WhyOptions, output: Output): Promise<number> {
  const { client, task: key, json } = options;
  const task = await client.get(Task, key);
  if (isTerminal(task.status.phase)) {
    const message = `is over: ${task.status.phase}`;
    output.out(json ? asJson({ task: keyOf(task), message }) : `task ${keyOf(task)} ${message}\n`);
    return 0;
  }
  const live = await readLiveCell(client, options);
  const cell = new ForkedCell(live.nodes, live.tasks, live);
  if (task.spec.nodeName !== undefined) {
    const nodes = cell.rank(task);
    output.out(
      json ? asJson({ task: keyOf(task), node: task.spec.nodeName, nodes }) : boundText(task, nodes),
    );
    return 0;
  }
  const together = rehearse(live, task);
  const answer = task.spec.gang
    ? whyGangPending(live, task, gangOf(live.tasks, task))
    : whyPending(cell, task);
  output.out(json ? asJson({ task: keyOf(task), ...answer, together }) : whyText(task, answer, together));
  return 0;
}

/** Its members that wait. */
function gangOf(tasks: readonly Task[], { metadata: { namespace }, spec: { job } }: Task): Task[] {
  return waitingTasks(tasks).filter(
    ({ metadata, spec }) => spec.job === job && metadata.namespace === namespace,
  );
}

/** What the scheduler would decide on all that wait, of the task: with its gang, and with preemption. */
function rehearse(live: LiveCell, task: Task): PlannedTask | undefined {
  const planned = planTasks(live, waitingTasks(live.tasks));
  return planned.find((one) => one.task.metadata.uid === task.metadata.uid);
}

const shownNodes = 5;

/** Scores as they are now: others have come and gone since the task was placed. */
function boundText(task: Task, nodes: readonly RankedNode[]): string {
  const { nodeName } = task.spec;
  const position = nodes.findIndex(({ node }) => node === nodeName);
  const place =
    position < 0
      ? `it would not be placed on ${nodeName} again`
      : `of ${nodes.length} nodes that would take it, ${nodeName} is number ${position + 1}`;
  const lines = [`task ${keyOf(task)} is bound to ${nodeName}; decided again now, ${place}`];
  const shown = nodes.filter((_node, at) => at < shownNodes || at === position);
  if (shown.length > 0) {
    const plugins = shown[0]!.scores.map(({ plugin, weight }) =>
      weight === 1 ? plugin : `${plugin}×${weight}`,
    );
    const rows = shown.map(({ node, score, scores }) => [
      node,
      `${score}`,
      ...scores.map((part) => `${part.score}`),
    ]);
    lines.push('', formatTable([['NODE', 'SCORE', ...plugins], ...rows]).trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

function whyText(task: Task, answer: Why, together: PlannedTask | undefined): string {
  if (together?.node !== undefined && together.displaces.length > 0)
    return `task ${keyOf(task)} is pending: room is made for it on ${together.node}, where it displaces ${together.displaces.join(', ')}\n`;
  if (answer.fits) {
    const { schedulerName } = task.spec;
    return `task ${keyOf(task)} is pending, and would fit on ${answer.node} now: its scheduler (${schedulerName}) has not come to it yet\n`;
  }
  const { explanation, counterfactuals } = answer;
  const lines = [`task ${keyOf(task)} is pending: ${explanation.reason}`, `  ${explanation.message}`];
  if (explanation.rejected.length > 0) {
    const rows = explanation.rejected.map(({ count, filter, reason }) => [`${count}`, filter, reason]);
    lines.push('', formatTable([['NODES', 'FILTER', 'REASON'], ...rows]).trimEnd());
  }
  if (counterfactuals.length === 0)
    lines.push('', 'No single change, and no two that were tried, would place it.');
  else {
    const rows = counterfactuals.map(({ text, node }) => [`  ${text}`, `on ${node}`]);
    lines.push('', "It would be placed (each tried with the scheduler's own code on a copy of the cell)");
    lines.push(formatTable(rows).trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

/** Functions (assumptions about the task) do not survive; their text says the same. */
function asJson(value: unknown): string {
  return `${JSON.stringify(value, (key, part) => (key === 'assumptions' ? undefined : part), 4)}\n`;
}
