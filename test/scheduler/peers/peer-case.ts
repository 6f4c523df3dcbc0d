/**
 * What a case of a peer's table comes to here: its nodes and running tasks in the cluster state, the one
 * plugin the table is about in a profile, one decision, and the answer in the form the peer expects.
 * Nodes and tasks are written with Kubernetes' field names; what a case leaves out does not matter to it.
 */
import { Node, Task } from '../../../api/kinds/resources.ts';
import type { ResourceList } from '../../../api/meta/quantity.ts';
import { ClusterState } from '../../../scheduler/cluster-state.ts';
import { feasible } from '../../../scheduler/core/plugin.ts';
import { balancedAllocation } from '../../../scheduler/core/plugins/balanced-allocation.ts';
import { bestFit } from '../../../scheduler/core/plugins/best-fit.ts';
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
import { type PluginEntry, Profile } from '../../../scheduler/core/profile.ts';
import { scheduleTask } from '../../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../../scheduler/core/scheduling-task.ts';
import type { Snapshot } from '../../../scheduler/core/snapshot.ts';

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
  task: PeerTask;
  expect: Outcome;
  /** Deliberately different here, and why. */
  differs?: string;
}

interface PeerNode {
  name: string;
  labels?: Record<string, string>;
  spec?: Node['spec'];
  allocatable?: ResourceList;
  images?: { names: string[]; sizeBytes: number }[];
  /** By another plugin, before this one scores. */
  refused?: boolean;
}

interface PeerTask {
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  node?: string;
  startTime?: string;
  deletionTimestamp?: string;
  spec?: Partial<Task['spec']>;
}

/** Names of the nodes that pass, and what the others lack; or the score of each. */
export type Outcome = { feasible: string[]; reasons?: string[] } | { scores: Record<string, number> };

export function outcomeOf(table: PeerTable, { nodes, running = [], task, expect }: PeerCase): Outcome {
  const profile = new Profile([{ plugin: prioritySort }, { plugin: nodeUnschedulable }, ...entriesOf(table)]);
  const state = new ClusterState(() => {});
  for (const node of nodes) state.setNode(nodeOf(node));
  for (const [index, other] of running.entries()) state.setTask(taskOf(other, `running-${index}`));
  const decision = scheduleTask(profile, state.snapshot, schedulingTask(taskOf(task, 'asked')));
  if ('scores' in expect) return { scores: scoresOf(table, profile, state.snapshot) };
  const passing = nodes.filter((_, slot) => profile.verdicts[slot] === feasible).map(({ name }) => name);
  if (!expect.reasons || decision.node !== undefined) return { feasible: passing.sort() };
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
    leastAllocated,
    nodeAffinity,
    nodePorts,
    nodeResourcesFit,
    nodeUnschedulable,
    taintToleration,
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

function nodeOf({ name, labels = {}, spec = {}, allocatable = {}, refused = false }: PeerNode): Node {
  return {
    apiVersion: Node.apiVersion,
    kind: Node.kind,
    metadata: { name, labels },
    spec: refused ? { ...spec, unschedulable: true } : spec,
    status: { allocatable, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function taskOf(words: PeerTask, fallbackName: string): Task {
  const { namespace = 'default', name = fallbackName, labels = {}, node, spec = {} } = words;
  const { containers = [], initContainers = [] } = spec;
  const whole = (container: Partial<Task['spec']['containers'][number]>, index: number) => ({
    name: `c${index}`,
    resources: {},
    ...container,
  });
  return {
    apiVersion: Task.apiVersion,
    kind: Task.kind,
    metadata: { namespace, name, labels, uid: `uid-of-${fallbackName}`, ...pick(words, 'deletionTimestamp') },
    spec: {
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      ...spec,
      ...(node === undefined ? {} : { nodeName: node }),
      containers: containers.map(whole),
      initContainers: initContainers.map(whole),
    },
    status: { phase: node === undefined ? 'Pending' : 'Running', ...pick(words, 'startTime') },
  };
}

function pick<Words, Key extends keyof Words>(words: Words, key: Key): Partial<Pick<Words, Key>> {
  return words[key] === undefined ? {} : ({ [key]: words[key] } as Pick<Words, Key>);
}
