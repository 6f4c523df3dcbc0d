/**
 * The door from the CLI to the scheduler's what-if: reads nodes and tasks of a live cluster through the
 * client, lets the pure part answer, prints the answer.
 */
import { Namespace, Node, Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { keyOf } from '../api/meta/object-meta.ts';
import type { Output } from '../cli/output.ts';
import { formatTable } from '../cli/table.ts';
import type { Client, ObjectKey } from '../client/client.ts';
import { ForkedCell } from '../scheduler/what-if/forked-cell.ts';
import { type Why, whyPending } from '../scheduler/what-if/why.ts';

export interface WhyOptions {
  client: Client;
  task: ObjectKey;
  json: boolean;
}

/** Gives exit code 0: also of a task that fits nowhere the answer is an answer. */
export async function why({ client, task: key, json }: WhyOptions, output: Output): Promise<number> {
  const task = await client.get(Task, key);
  if (task.spec.nodeName !== undefined || isTerminal(task.status.phase)) {
    const message = isTerminal(task.status.phase)
      ? `is over: ${task.status.phase}`
      : `is not waiting for a node: it is bound to ${task.spec.nodeName}`;
    output.out(json ? asJson({ task: keyOf(task), message }) : `task ${keyOf(task)} ${message}\n`);
    return 0;
  }
  const answer = whyPending(await liveCell(client), task);
  output.out(json ? asJson({ task: keyOf(task), ...answer }) : whyText(task, answer));
  return 0;
}

/** The cell as the API server has it now. */
export async function liveCell(client: Client): Promise<ForkedCell> {
  const [nodes, tasks, namespaces] = await Promise.all([
    client.list(Node),
    client.list(Task),
    client.list(Namespace),
  ]);
  return new ForkedCell(nodes.items, tasks.items, { namespaces: namespaces.items });
}

function whyText(task: Task, answer: Why): string {
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
