/**
 * A place for a whole gang, or none: members are put on nodes one after the other, each counting for the next,
 * and taken back when not enough of them fit. Nearest first: within one rack, one zone, the cell. Nothing is
 * held in between, so two gangs that each fit alone can never hold half of the cell each.
 *
 * Invariant: afterwards either at least `needed` members are assumed (or have room kept for them), or the
 * cluster state is as it was.
 */
import type { ClusterState } from './cluster-state.ts';
import type { Explanation, RejectedNodes } from './core/explain.ts';
import { type Domain, emptyCellCapacity, gangDomains, withinDomain } from './core/gang-domains.ts';
import type { Preemption } from './core/preemption-index.ts';
import type { Decision } from './core/schedule.ts';
import type { SchedulingTask } from './core/scheduling-task.ts';
import type { Snapshot } from './core/snapshot.ts';

export interface GangTools {
  state: ClusterState;
  /** The production decision on one task. */
  schedule(task: SchedulingTask): Decision;
  /** Undefined: no room can be made for it. */
  preempt(task: SchedulingTask): Preemption | undefined;
  keepRoom(task: SchedulingTask, preemption: Preemption): void;
}

/** Members that wait, in the order of the queue; at least `needed` of them go at once, or none. */
export interface WaitingGang {
  members: readonly SchedulingTask[];
  needed: number;
}

/** By uid: where each member goes. */
export type GangPlaces<Place> = ReadonlyMap<string, Place>;

export type GangDecision = { places: GangPlaces<string> } | { places: undefined; explanation: Explanation };

interface Trial {
  places: Map<string, string>;
  /** Why the first that did not fit does not. */
  explanation: Explanation | undefined;
}

export function placeGang(tools: GangTools, gang: WaitingGang): GangDecision {
  const { members, needed } = gang;
  const [first] = members;
  let best: Trial | undefined;
  for (const target of new Set([members.length, needed])) {
    for (const domain of first ? gangDomains(tools.state.snapshot, first, target) : []) {
      const trial: Trial = { places: new Map(), explanation: undefined };
      const stands = tools.state.attempt(() => {
        tryWithin(tools, gang, { domain, trial });
        return trial.places.size >= target;
      });
      if (stands) return { places: trial.places };
      if (!best || trial.places.size >= best.places.size) best = trial;
    }
  }
  return { places: undefined, explanation: explained(tools, gang, best) };
}

/** Room for `needed` members is kept where it is or can be made; undefined when it cannot. */
export function makeRoomForGang(tools: GangTools, gang: WaitingGang): GangPlaces<Preemption> | undefined {
  const { members, needed } = gang;
  const places = new Map<string, Preemption>();
  const required = members[0]?.gang?.topologyKey;
  // Which domain would be the cheapest to clear is not asked yet.
  if (required !== undefined) return undefined;
  const stands = tools.state.attempt(() => {
    for (const task of members.slice(0, needed)) {
      const decision = tools.schedule(task);
      const preemption =
        decision.node === undefined
          ? tools.preempt(task)
          : { node: decision.node, slot: decision.slot, victims: [], overridesBudgets: false };
      if (!preemption) return false;
      tools.keepRoom(task, preemption);
      places.set(task.uid, preemption);
    }
    return true;
  });
  return stands ? places : undefined;
}

function tryWithin(
  { state, schedule }: GangTools,
  { members, needed }: WaitingGang,
  { domain, trial }: { domain: Domain | undefined; trial: Trial },
): void {
  const { places } = trial;
  const failed = new Set<string>();
  for (const task of members) {
    if (failed.has(task.signature)) continue;
    let decision = schedule(withinDomain(task, domain));
    const mayLeave = domain && task.gang?.topologyKey === undefined && places.size >= needed;
    if (decision.node === undefined && mayLeave) decision = schedule(task);
    if (decision.node === undefined) {
      failed.add(task.signature);
      trial.explanation ??= decision.explanation;
      continue;
    }
    state.assume(task, decision.node);
    places.set(task.uid, decision.node);
  }
}

function explained(
  { state, schedule }: GangTools,
  { members, needed }: WaitingGang,
  best: Trial | undefined,
): Explanation {
  const { snapshot } = state;
  const [first] = members;
  const single = first && !best ? schedule(first) : undefined;
  const found = best?.explanation ?? (single?.node === undefined ? single?.explanation : undefined);
  const within = first?.gang?.topologyKey;
  const most = first ? emptyCellCapacity(snapshot, first) : 0;
  const never = most < needed ? `, and even empty the cell would hold ${most} at most` : '';
  const fit = best ? `${best.places.size} fit` : `no one ${within} has room for them`;
  const message = `the gang needs ${needed} tasks placed at once, and ${fit}${never}`;
  if (!found) {
    const rejected = togetherRejections(snapshot, within);
    return { reason: 'Unschedulable', message, total: snapshot.nodeCount, rejected };
  }
  return { ...found, message: `${message}: ${found.message}` };
}

/** Each would do for one of them: it is their domains that are too small. Names the filters whose hints help. */
function togetherRejections(snapshot: Snapshot, topologyKey = ''): RejectedNodes[] {
  let outside = 0;
  for (let slot = 0; slot < snapshot.size; slot++)
    if (snapshot.present[slot] === 1 && snapshot.labels[slot]?.[topologyKey] === undefined) outside++;
  const groups = [
    { filter: 'NodeResourcesFit', reason: 'too little room together', count: snapshot.nodeCount - outside },
    { filter: 'NodeAffinity', reason: `no label ${topologyKey}`, count: outside },
  ];
  return groups.filter(({ count }) => count > 0);
}
