/**
 * The node lifecycle decision, once a second: what the control plane makes of nodes that fall silent,
 * come back, or are taken away. Pure: view and memory in, actions and the next memory out.
 *
 *   silent   ──▶ Node Ready=Unknown and tainted; its tasks Unknown; given up (Disconnected=True) as the
 *                state of its zone allows
 *   fresh    ──▶ taint off; conditions and phases are for the agent to report again
 *   deleted  ──▶ fenced: what ran there is deleted without grace (contract R8)
 *
 * The truth (Unknown) is told at once; giving up, which makes jobs replace tasks, is what is held back.
 */
import type { Taint } from '../../api/kinds/node.ts';
import type { Lease, Node, Task } from '../../api/kinds/resources.ts';
import { taints } from '../../api/kinds/taints.ts';
import { disconnectedCondition, isTerminal } from '../../api/kinds/task-phase.ts';
import { conditionOf } from '../../api/meta/conditions.ts';
import {
  type Hearing,
  type Heartbeat,
  hearingOf,
  isMarkedUnreachable,
  observeHeartbeat,
  restarted,
} from './heartbeats.ts';
import { pressureTaints } from './pressure-taints.ts';
import {
  type Bucket,
  type EvictionRates,
  ratePerSecond,
  refill,
  type ZoneCount,
  zoneStateOf,
} from './zones.ts';

export interface ClusterView {
  nodes: readonly Node[];
  /** Node leases by node name. */
  leases: ReadonlyMap<string, Lease>;
  /** Bound tasks by node name, those of nodes that do not exist included. */
  tasks: ReadonlyMap<string, readonly Task[]>;
  /** Monotonic. */
  nowMs: number;
}

/** What is remembered from one decision to the next; nothing of it outlives the process. */
export interface Memory {
  /** When we were last known to be awake. */
  awakeAtMs: number;
  heartbeats: ReadonlyMap<string, Heartbeat>;
  /** Silent nodes whose tasks are given up. */
  givenUp: ReadonlySet<string>;
  buckets: ReadonlyMap<string, Bucket>;
  isAllDown: boolean;
}

export type NodeAction =
  | { type: 'markUnreachable'; node: Node; renewTime: string | undefined }
  | { type: 'markReachable'; node: Node }
  | { type: 'taint'; node: Node; taints: Taint[] }
  | { type: 'markTask'; task: Task; isGivenUp: boolean; renewTime: string | undefined }
  | { type: 'fence'; nodeName: string; tasks: readonly Task[]; renewTime: string | undefined };

export interface NodeDecision {
  actions: NodeAction[];
  memory: Memory;
}

const zoneLabel = 'topology.kubernetes.io/zone';
/** We were frozen for so long: what we missed is not the nodes' silence. */
const longestGapMs = 5_000;

interface NodeFacts {
  node: Node;
  name: string;
  zone: string;
  hearing: Hearing;
  isDown: boolean;
}

export function decideNodes(
  view: ClusterView,
  before: Memory | undefined,
  rates: EvictionRates,
): NodeDecision {
  const heartbeats = observe(view, before);
  const facts = view.nodes.map((node) => factsOf(node, heartbeats, view.nowMs));
  const zones = countZones(facts);
  const isAllDown =
    zones.size > 0 && [...zones.values()].every((zone) => zoneStateOf(zone, rates) === 'full');
  if (before?.isAllDown && !isAllDown) return afterAllDown(view, before, heartbeats);
  const buckets = refillBuckets(zones, { before, rates, nowMs: view.nowMs });
  const givenUp = isAllDown ? new Set<string>() : giveUp(facts, { zones, buckets, rates, before });
  const memory = { awakeAtMs: view.nowMs, heartbeats, givenUp, buckets, isAllDown };
  const actions = [
    ...facts.flatMap((fact) => nodeActions(fact, heartbeats)),
    ...facts.flatMap((fact) => taskActions(fact, view.tasks.get(fact.name) ?? [], memory)),
    ...fences(view, heartbeats),
  ];
  return { actions, memory };
}

/** Nodes that were taken away are listened for too while tasks are bound to them: their agents may be alive. */
function observe(
  { nodes, leases, tasks, nowMs }: ClusterView,
  before: Memory | undefined,
): Map<string, Heartbeat> {
  const wasAway = before !== undefined && nowMs - before.awakeAtMs > longestGapMs;
  const heartbeats = new Map<string, Heartbeat>();
  const uids = new Map<string, string | undefined>([...tasks.keys()].map((name) => [name, undefined]));
  for (const { metadata } of nodes) uids.set(metadata.name, metadata.uid);
  for (const [name, uid] of uids) {
    const known = before?.heartbeats.get(name);
    const heartbeat = observeHeartbeat(uid, leases.get(name), { before: known, nowMs });
    const isOld = heartbeat.sinceMs !== nowMs;
    heartbeats.set(name, wasAway && isOld ? restarted(heartbeat, nowMs) : heartbeat);
  }
  return heartbeats;
}

function factsOf(node: Node, heartbeats: ReadonlyMap<string, Heartbeat>, nowMs: number): NodeFacts {
  const { name, labels } = node.metadata;
  const heartbeat = heartbeats.get(name);
  const hearing = heartbeat ? hearingOf(heartbeat, nowMs) : 'unsure';
  const isDown = hearing === 'silent' || (hearing === 'unsure' && isMarkedUnreachable(node));
  return { node, name, zone: labels?.[zoneLabel] ?? '', hearing, isDown };
}

function countZones(facts: readonly NodeFacts[]): Map<string, ZoneCount> {
  const zones = new Map<string, ZoneCount>();
  for (const { zone, isDown } of facts) {
    const count = zones.get(zone) ?? { nodes: 0, down: 0 };
    zones.set(zone, { nodes: count.nodes + 1, down: count.down + Number(isDown) });
  }
  return zones;
}

/** Somebody is heard again after nobody was: all others get as long as they had before. */
function afterAllDown(
  view: ClusterView,
  before: Memory,
  heartbeats: ReadonlyMap<string, Heartbeat>,
): NodeDecision {
  const { nowMs } = view;
  const again = [...heartbeats].map(([name, heartbeat]): [string, Heartbeat] => {
    return [name, hearingOf(heartbeat, nowMs) === 'fresh' ? heartbeat : restarted(heartbeat, nowMs)];
  });
  const memory = { ...before, heartbeats: new Map(again), givenUp: new Set<string>(), isAllDown: false };
  return { actions: [], memory: { ...memory, awakeAtMs: nowMs } };
}

function refillBuckets(
  zones: ReadonlyMap<string, ZoneCount>,
  { before, rates, nowMs }: { before: Memory | undefined; rates: EvictionRates; nowMs: number },
): Map<string, Bucket> {
  const buckets = new Map<string, Bucket>();
  for (const [zone, count] of zones) {
    buckets.set(zone, refill(before?.buckets.get(zone), ratePerSecond(count, rates), nowMs));
  }
  return buckets;
}

interface GiveUpContext {
  zones: ReadonlyMap<string, ZoneCount>;
  /** Changed: giving a node up costs a token. */
  buckets: Map<string, Bucket>;
  rates: EvictionRates;
  before: Memory | undefined;
}

/** The silent nodes whose tasks may be replaced: those from before, and as many more as the rates allow. */
function giveUp(facts: readonly NodeFacts[], { zones, buckets, rates, before }: GiveUpContext): Set<string> {
  const givenUp = new Set<string>();
  for (const { name, zone, hearing } of facts) {
    if (hearing !== 'silent') continue;
    if (before?.givenUp.has(name)) {
      givenUp.add(name);
      continue;
    }
    const count = zones.get(zone);
    const bucket = buckets.get(zone);
    if (!count || !bucket || bucket.tokens < 1 || ratePerSecond(count, rates) === 0) continue;
    buckets.set(zone, { ...bucket, tokens: bucket.tokens - 1 });
    givenUp.add(name);
  }
  return givenUp;
}

function nodeActions(
  { node, name, hearing }: NodeFacts,
  heartbeats: ReadonlyMap<string, Heartbeat>,
): NodeAction[] {
  const isTainted = hasUnreachableTaint(node);
  if (hearing === 'silent' && !(isTainted && isMarkedUnreachable(node))) {
    return [{ type: 'markUnreachable', node, renewTime: heartbeats.get(name)?.renewTime }];
  }
  if (hearing === 'fresh' && isTainted) return [{ type: 'markReachable', node }];
  const pressed = pressureTaints(node);
  return pressed ? [{ type: 'taint', node, taints: pressed }] : [];
}

export function hasUnreachableTaint({ spec }: Node): boolean {
  return (spec.taints ?? []).some(({ key }) => key === taints.unreachable);
}

function taskActions(
  { node, name, hearing, isDown }: NodeFacts,
  tasks: readonly Task[],
  { givenUp, isAllDown, heartbeats }: Memory,
): NodeAction[] {
  if (!isDown) return [];
  const renewTime = heartbeats.get(name)?.renewTime;
  const actions: NodeAction[] = [];
  // Marking the node came first, and looked at its lease live: a frozen or stale observer stops there.
  const isConfirmed = hearing === 'silent' && isMarkedUnreachable(node);
  for (const task of tasks) {
    if (isTerminal(task.status.phase)) continue;
    const isUnknown = task.status.phase === 'Unknown';
    const disconnected = conditionOf(task.status.conditions, disconnectedCondition)?.status;
    const isGivenUp = givenUp.has(name);
    if (isConfirmed && !isUnknown) actions.push({ type: 'markTask', task, isGivenUp, renewTime });
    else if (isUnknown && isGivenUp && disconnected !== 'True')
      actions.push({ type: 'markTask', task, isGivenUp: true, renewTime });
    else if (isUnknown && isAllDown && disconnected === 'True')
      actions.push({ type: 'markTask', task, isGivenUp: false, renewTime });
  }
  return actions;
}

/**
 * Tasks of nodes that were taken out of the cluster. What is over stays: it holds nothing, and people may ask.
 * What may run at most once stays until the lease has run out: its agent may be alive.
 */
function fences({ nodes, tasks, nowMs }: ClusterView, heartbeats: Memory['heartbeats']): NodeAction[] {
  const names = new Set(nodes.map(({ metadata }) => metadata.name));
  const actions: NodeAction[] = [];
  for (const [nodeName, bound] of tasks) {
    if (names.has(nodeName)) continue;
    const heartbeat = heartbeats.get(nodeName);
    const isSilent = heartbeat !== undefined && hearingOf(heartbeat, nowMs) === 'silent';
    const ended = bound.filter(
      ({ spec, status }) => !isTerminal(status.phase) && (isSilent || spec.runPolicy !== 'AtMostOnce'),
    );
    if (ended.length > 0)
      actions.push({ type: 'fence', nodeName, tasks: ended, renewTime: heartbeat?.renewTime });
  }
  return actions;
}
