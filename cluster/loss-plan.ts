/**
 * `gantry plan drain` and `gantry plan lose`: where the tasks of nodes would go if these were drained, or gone.
 * Their tasks are taken as made anew, and decided by the scheduler's code on a copy of the cell without them.
 */
import { disruptionBudget } from '../api/kinds/job-state.ts';
import type { Node, Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { keyOf } from '../api/meta/object-meta.ts';
import type { Output } from '../cli/output.ts';
import type { Client } from '../client/client.ts';
import type { ProfileFlags } from '../scheduler/profile-choice.ts';
import { type PlannedTask, planTasks } from '../scheduler/what-if/plan-tasks.ts';
import { type LiveCell, readLiveCell, waitingTasks } from './live-cell.ts';
import { exitCodePending } from './manifest-plan.ts';
import { plannedAsData, planTable, troubles } from './plan-view.ts';

export interface LossOptions extends ProfileFlags {
  client: Client;
  /** A drain keeps to disruption budgets; a loss asks nobody. */
  kind: 'drain' | 'lose';
  /** Names of nodes, and `label=value` for all nodes that have it. */
  targets: readonly string[];
  json: boolean;
}

/** Gives exit code 2 when a task would find no other place. Throws ApiError NotFound for a node that is not there. */
export async function planLoss(options: LossOptions, output: Output): Promise<number> {
  const { client, kind, targets, json } = options;
  const cell = await readLiveCell(client, options);
  const gone = new Set(targets.flatMap((target) => nodesOf(cell.nodes, target)));
  const lost = cell.tasks.filter(
    ({ spec, status }) => gone.has(spec.nodeName ?? '') && !isTerminal(status.phase),
  );
  const moving = lost.filter(({ spec, metadata }) => spec.job !== undefined && !metadata.deletionTimestamp);
  const left = cell.tasks.filter((task) => !lost.includes(task));
  const nodes = cell.nodes.filter(({ metadata }) => !gone.has(metadata.name));
  const copies = moving.map(madeAnew);
  const planned = planTasks({ ...cell, nodes, tasks: left }, [...waitingTasks(left), ...copies]);
  const ours = planned.filter(({ task }) => copies.includes(task));
  const unowned = lost.filter(({ spec }) => spec.job === undefined).map(keyOf);
  const held = kind === 'drain' ? heldBack(cell, moving) : [];
  output.out(json ? asJson({ gone, ours, unowned, held }) : asText({ gone, ours, unowned, held }));
  return ours.some(({ node }) => node === undefined) ? exitCodePending : 0;
}

function nodesOf(nodes: readonly Node[], target: string): string[] {
  const [label = '', value] = target.split('=');
  const found = nodes
    .map(({ metadata }) => metadata)
    .filter(({ name, labels }) => (value === undefined ? name === target : labels?.[label] === value))
    .map(({ name }) => name);
  if (found.length > 0) return found;
  throw new ApiError(
    'NotFound',
    value === undefined ? `nodes "${target}" not found` : `no node has ${target}`,
  );
}

/** As its job would make it again. */
function madeAnew({ metadata, spec: { nodeName: _left, ...spec }, ...task }: Task): Task {
  return {
    ...task,
    metadata: { ...metadata, uid: `plan/${metadata.uid}` },
    spec,
    status: { phase: 'Pending' },
  };
}

/** What disruption budgets make of a drain: jobs that have more tasks there than they can spare at once. */
function heldBack({ jobs }: LiveCell, moving: readonly Task[]): string[] {
  return jobs.flatMap((job) => {
    const budget = disruptionBudget(job);
    const { name, namespace } = job.metadata;
    const count = moving.filter(
      ({ metadata, spec }) => spec.job === name && metadata.namespace === namespace,
    ).length;
    if (!budget || count <= budget.maxUnavailable) return [];
    const pace =
      budget.maxUnavailable === 0 ? 'none may go' : `${budget.maxUnavailable} may be away at a time`;
    return [`job/${name} has ${count} tasks there, and ${pace}`];
  });
}

interface Findings {
  gone: ReadonlySet<string>;
  ours: readonly PlannedTask[];
  /** Tasks that no job makes again. */
  unowned: readonly string[];
  held: readonly string[];
}

function asText({ gone, ours, unowned, held }: Findings): string {
  const placed = ours.filter(({ node }) => node !== undefined).length;
  const nodes = gone.size === 1 ? `node ${[...gone].join()}` : `${gone.size} nodes`;
  const summary = [
    `without ${nodes}: ${placed} of ${ours.length} tasks would go elsewhere`,
    ...troubles(ours),
  ];
  const notes = [...held, ...unowned.map((key) => `task ${key} has no job: nobody would make it again`)];
  return `${planTable(ours)}${summary.join(', ')}\n${notes.map((note) => `${note}\n`).join('')}`;
}

function asJson({ gone, ours, unowned, held }: Findings): string {
  return `${JSON.stringify({ nodes: [...gone], tasks: plannedAsData(ours), unowned, held }, null, 4)}\n`;
}
