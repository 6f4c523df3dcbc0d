/**
 * Why no node would do: the filters' refusals grouped and counted, the node that came closest and what it
 * lacks, and all of it in one line for people.
 */
import { formatAmount } from '../../api/meta/quantity.ts';
import { absent, feasible, type Rejection, type Shortage } from './plugin.ts';
import type { Profile } from './profile.ts';
import type { FilterStates } from './schedule.ts';
import type { Snapshot } from './snapshot.ts';

export interface Explanation {
  /** Preempting: room is being made on a node. WaitingForGang: not enough members of its gang are there. */
  reason: 'Unschedulable' | 'NoNodes' | 'Preempting' | 'WaitingForGang';
  message: string;
  total: number;
  /** Most frequent first. A node that a filter refuses for two reasons counts under both. */
  rejected: RejectedNodes[];
  /** Only where a node lacks nothing but resources. */
  closest?: { node: string; shortages: Shortage[] };
  /** Where room is being made for the task. */
  nominated?: string;
}

export interface RejectedNodes {
  /** The plugin that said no. */
  filter: string;
  reason: string;
  count: number;
}

interface Candidate {
  slot: number;
  shortages: Shortage[];
  /** Sum over the resources of what is missing as a share of what is requested. */
  distance: number;
}

export function explainRejections(profile: Profile, snapshot: Snapshot, states: FilterStates): Explanation {
  const groups = new Map<string, Map<string, RejectedNodes>>();
  let closest: Candidate | undefined;
  for (let slot = 0; slot < snapshot.size; slot++) {
    const verdict = profile.verdicts[slot]!;
    const filter = profile.filters[verdict - 1];
    if (verdict === absent || verdict === feasible || !filter) continue;
    const rejections = filter.explain(states[verdict - 1], snapshot, slot);
    for (const { reason } of rejections) countIn(groups, filter.name, reason);
    if (rejections[0]?.shortage) closest = closer(closest, candidate(slot, rejections), snapshot.rank);
  }
  return explanation(
    snapshot,
    [...groups.values()].flatMap((reasons) => [...reasons.values()]).sort(byCount),
    closest,
  );
}

function countIn(groups: Map<string, Map<string, RejectedNodes>>, filter: string, reason: string): void {
  let reasons = groups.get(filter);
  if (!reasons) groups.set(filter, (reasons = new Map()));
  const group = reasons.get(reason);
  if (group) group.count++;
  else reasons.set(reason, { filter, reason, count: 1 });
}

/** A node that something else than a lack of resources keeps the task from is no candidate. */
function candidate(slot: number, rejections: readonly Rejection[]): Candidate | undefined {
  const shortages = rejections.flatMap(({ shortage }) => (shortage ? [shortage] : []));
  if (shortages.length === 0 || shortages.length < rejections.length) return undefined;
  const distance = shortages.reduce((sum, { missing, requested }) => sum + missing / requested, 0);
  return { slot, shortages, distance };
}

function closer(
  best: Candidate | undefined,
  next: Candidate | undefined,
  rank: Int32Array,
): Candidate | undefined {
  if (!best || !next) return best ?? next;
  if (next.distance !== best.distance) return next.distance < best.distance ? next : best;
  return rank[next.slot]! < rank[best.slot]! ? next : best;
}

function byCount(left: RejectedNodes, right: RejectedNodes): number {
  if (left.count !== right.count) return right.count - left.count;
  return left.reason < right.reason ? -1 : 1;
}

function explanation(
  snapshot: Snapshot,
  rejected: RejectedNodes[],
  closest: Candidate | undefined,
): Explanation {
  const total = snapshot.nodeCount;
  if (total === 0) return { reason: 'NoNodes', message: 'the cluster has no nodes', total, rejected };
  const groups = rejected.map(({ count, reason }) => `${count} ${reason}`).join(', ');
  const message = `0/${total} nodes are available: ${groups}`;
  if (!closest) return { reason: 'Unschedulable', message, total, rejected };
  const node = snapshot.names[closest.slot] ?? '';
  const { shortages } = closest;
  return {
    reason: 'Unschedulable',
    message: `${message}; closest ${node} ${shortages.map(shortageText).join(' and ')}`,
    total,
    rejected,
    closest: { node, shortages },
  };
}

/** "needs 500m more cpu"; a node that could not take the task even when empty says so. */
function shortageText({ resource, missing, requested, allocatable }: Shortage): string {
  const text = `needs ${formatAmount(resource, missing)} more ${resource}`;
  if (requested <= allocatable) return text;
  return `${text} (${formatAmount(resource, requested)} asked, ${formatAmount(resource, allocatable)} in all)`;
}
