/**
 * What a case of a peer's table comes to here: its nodes and running tasks in the cluster state, the one
 * plugin the table is about in a profile, one decision, and the answer in the form the peer expects.
 */
import { VirtualClock } from '../../../api/meta/clock.ts';
import { ClusterState } from '../../../scheduler/cluster-state.ts';
import { DomainFilter } from '../../../scheduler/core/domain-filter.ts';
import { feasible } from '../../../scheduler/core/plugin.ts';
import { balancedAllocation } from '../../../scheduler/core/plugins/balanced-allocation.ts';
import { bestFit } from '../../../scheduler/core/plugins/best-fit.ts';
import { interTaskAffinity } from '../../../scheduler/core/plugins/inter-task-affinity.ts';
import { leastAllocated } from '../../../scheduler/core/plugins/least-allocated.ts';
import { nodeAffinity } from '../../../scheduler/core/plugins/node-affinity.ts';
import { nodePorts } from '../../../scheduler/core/plugins/node-ports.ts';
import { nodeResourcesFit } from '../../../scheduler/core/plugins/node-resources-fit.ts';
import { nodeUnschedulable } from '../../../scheduler/core/plugins/node-unschedulable.ts';
import { prioritySort } from '../../../scheduler/core/plugins/priority-sort.ts';
import {
  type RatioOptions,
  requestedToCapacityRatio,
} from '../../../scheduler/core/plugins/requested-to-capacity-ratio.ts';
import { taintToleration } from '../../../scheduler/core/plugins/taint-toleration.ts';
import { topologySpread } from '../../../scheduler/core/plugins/topology-spread.ts';
import { candidateOn } from '../../../scheduler/core/preemption.ts';
import { PreemptionIndex } from '../../../scheduler/core/preemption-index.ts';
import { type PluginEntry, Profile } from '../../../scheduler/core/profile.ts';
import { scheduleTask } from '../../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../../scheduler/core/scheduling-task.ts';
import type { Snapshot } from '../../../scheduler/core/snapshot.ts';
import { Decider } from '../../../scheduler/decider.ts';
import { SchedulingQueue } from '../../../scheduler/queue.ts';
import { nodeOf, type PeerNode, type PeerTask, taskOf } from './peer-objects.ts';

export interface PeerFile {
  peer: string;
  /** In the peer's repository. */
  source: string;
  tables: PeerTable[];
}

export interface PeerTable {
  /** As the source names it. */
  name: string;
  plugin: string;
  options?: RatioOptions;
  /** `order`: the formula is our own, the order of the nodes must be the peer's. */
  compare?: 'order';
  cases: PeerCase[];
}

export interface PeerCase {
  name: string;
  nodes: PeerNode[];
  running?: PeerTask[];
  task?: PeerTask;
  /** Instead of `task`: one after the other, each beside those before it. */
  tasks?: (PeerTask & { count: number })[];
  expect: Outcome;
  /** Deliberately different here, and why. */
  differs?: string;
}

/**
 * Names of the nodes that pass, and what the others lack; the score of each; on each node that could be freed
 * for the task, who would have to go; the node that would be freed; or how many tasks each node of a name got,
 * the most first.
 */
export type Outcome =
  | { feasible: string[]; reasons?: string[] }
  | { scores: Record<string, number> }
  | { victims: Record<string, string[]> }
  | { node: string }
  | { placements: Record<string, number[]> };

export function outcomeOf(table: PeerTable, one: PeerCase): Outcome {
  if ('placements' in one.expect) return placementsOf(table, one);
  return 'victims' in one.expect || 'node' in one.expect ? preemptionOf(one) : decisionOf(table, one);
}

function placementsOf(table: PeerTable, { nodes, running, tasks = [] }: PeerCase): Outcome {
  const all = nodes.flatMap(({ count = 1, ...node }) =>
    Array.from({ length: count }, (_, at) => ({
      ...node,
      name: count > 1 ? `${node.name}.${at}` : node.name,
    })),
  );
  const state = stateOf(all, running);
  const profile = new Profile([
    ...[prioritySort, nodeAffinity, interTaskAffinity, topologySpread, nodeResourcesFit].map((plugin) => ({
      plugin,
    })),
    ...entriesOf(table),
  ]);
  const queue = new SchedulingQueue({ clock: new VirtualClock(), sort: profile.queueSort, hint: () => true });
  const asked = tasks.flatMap(({ count, ...task }) => Array.from({ length: count }, () => task));
  for (const [at, words] of asked.entries()) queue.add(schedulingTask(taskOf(words, `asked-${at}`)));
  const { placed } = new Decider({ profile, state, queue }).decideBatch(asked.length);
  const counts = new Map<string, number>();
  for (const { node } of placed) counts.set(node, (counts.get(node) ?? 0) + 1);
  return { placements: byName(counts) };
}

function byName(counts: ReadonlyMap<string, number>): Record<string, number[]> {
  const placements: Record<string, number[]> = {};
  for (const [node, count] of counts) (placements[node.split('.')[0] ?? ''] ??= []).push(count);
  for (const list of Object.values(placements)) list.sort((left, right) => right - left);
  return placements;
}

function preemptionOf({ nodes, running, task = {}, expect }: PeerCase): Outcome {
  const state = stateOf(nodes, running);
  const asked = schedulingTask(taskOf(task, 'asked'));
  if ('node' in expect) return { node: new PreemptionIndex(new Profile(), state).find(asked)?.node ?? '' };
  const { snapshot, residents, gangs, budgets } = state;
  const domainFilters = DomainFilter.of([interTaskAffinity, topologySpread], asked, snapshot);
  const cell = { snapshot, residents, gangs, budgets, domainFilters };
  const all = nodes.flatMap(({ name }, slot): [string, string[]][] => {
    const candidate = candidateOn(asked, slot, cell);
    return candidate ? [[name, candidate.victims.map(({ key }) => key.replace('default/', '')).sort()]] : [];
  });
  // Their tables leave out nodes where nobody need go when there are others.
  const costly = all.filter(([, victims]) => victims.length > 0);
  return { victims: Object.fromEntries(costly.length > 0 ? costly : all) };
}

function stateOf(nodes: readonly PeerNode[], running: readonly PeerTask[] = []): ClusterState {
  const state = new ClusterState(() => {});
  for (const node of nodes) state.setNode(nodeOf(node));
  for (const [index, other] of running.entries()) state.setTask(taskOf(other, `running-${index}`));
  return state;
}

function decisionOf(table: PeerTable, { nodes, running, task = {}, expect }: PeerCase): Outcome {
  const profile = new Profile([{ plugin: prioritySort }, { plugin: nodeUnschedulable }, ...entriesOf(table)]);
  const state = stateOf(nodes, running);
  const decision = scheduleTask(profile, state.snapshot, schedulingTask(taskOf(task, 'asked')));
  if ('scores' in expect) return { scores: scoresOf(table, profile, state.snapshot) };
  const passing = nodes.filter((_, slot) => profile.verdicts[slot] === feasible).map(({ name }) => name);
  if (!('reasons' in expect) || decision.node !== undefined) return { feasible: passing.sort() };
  return {
    feasible: passing.sort(),
    reasons: decision.explanation.rejected.map(({ reason }) => inTheirWords(reason)).sort(),
  };
}

/** How a score compares: as it is, or as the rank of its node. */
export function comparable(table: PeerTable, outcome: Outcome): Outcome {
  if (!('scores' in outcome) || table.compare !== 'order') return outcome;
  const ranks = [...new Set(Object.values(outcome.scores))].sort((left, right) => right - left);
  return {
    scores: Object.fromEntries(
      Object.entries(outcome.scores).map(([node, score]) => [node, ranks.indexOf(score) + 1]),
    ),
  };
}

function entriesOf({ plugin, options }: PeerTable): PluginEntry[] {
  if (options) return [{ plugin: requestedToCapacityRatio(options) }];
  const found = [
    balancedAllocation,
    bestFit,
    interTaskAffinity,
    leastAllocated,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    nodeUnschedulable,
    taintToleration,
    topologySpread,
  ].find(({ name }) => name === plugin);
  if (!found) throw new Error(`no plugin ${plugin}`);
  return found === nodeUnschedulable ? [] : [{ plugin: found }];
}

function scoresOf({ plugin: name }: PeerTable, profile: Profile, snapshot: Snapshot): Record<string, number> {
  const scorer = profile.scorers.find(({ plugin }) => plugin.name === name);
  const scores: Record<string, number> = {};
  for (let slot = 0; slot < snapshot.size; slot++) {
    if (profile.verdicts[slot] === feasible)
      scores[snapshot.names[slot] ?? ''] = Math.floor(scorer?.column[slot] ?? 0);
  }
  return scores;
}

function inTheirWords(reason: string): string {
  return reason === 'insufficient pods' ? 'Too many pods' : reason.replace('insufficient', 'Insufficient');
}
