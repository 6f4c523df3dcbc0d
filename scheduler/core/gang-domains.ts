/**
 * Where a gang could go together: the racks and zones with room for it, judged by free resources alone.
 * An upper bound: whether the tasks really fit is for the filters to say. Pure.
 */
import type { SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';
import { rackLabel, zoneLabel } from './topology.ts';

/** Nodes with this label value. */
export interface Domain {
  key: string;
  value: string;
}

/** From near to far. */
const topologyKeys = [rackLabel, zoneLabel];
/** Domains of one level that are tried; beyond these the next level is. */
const maxTries = 16;

/**
 * Domains that may have room for `count` of such tasks, in the order to be tried: nearest level first, and in
 * it the one that would be filled up best. Undefined stands for the whole cell; a gang that must stay
 * within one domain of its `topologyKey` never gets it.
 */
export function gangDomains(snapshot: Snapshot, task: SchedulingTask, count: number): (Domain | undefined)[] {
  const required = task.gang?.topologyKey;
  const keys = required === undefined ? topologyKeys : [required];
  const domains = keys.flatMap((key) => fittingDomains(snapshot, task, { key, count }));
  return required === undefined ? [...domains, undefined] : domains;
}

/** The task as it may go to this domain alone. */
export function withinDomain(task: SchedulingTask, domain: Domain | undefined): SchedulingTask {
  if (!domain) return task;
  const { key, value } = domain;
  return {
    ...task,
    nodeSelector: { ...task.nodeSelector, [key]: value },
    signature: `${task.signature} in ${key}=${value}`,
  };
}

/** How many such tasks the cell could hold at most if nothing else were in it. */
export function emptyCellCapacity(snapshot: Snapshot, task: SchedulingTask): number {
  let sum = 0;
  for (let slot = 0; slot < snapshot.size; slot++)
    sum += capacityOf(snapshot, task, { slot, of: 'allocatable' });
  return sum;
}

function fittingDomains(
  snapshot: Snapshot,
  task: SchedulingTask,
  { key, count }: { key: string; count: number },
): Domain[] {
  const capacities = new Map<string, number>();
  for (let slot = 0; slot < snapshot.size; slot++) {
    const value = snapshot.labels[slot]?.[key];
    if (value === undefined || snapshot.unschedulable[slot] === 1 || snapshot.ready[slot] === 0) continue;
    const capacity = capacityOf(snapshot, task, { slot, of: 'free' });
    capacities.set(value, (capacities.get(value) ?? 0) + capacity);
  }
  return [...capacities]
    .filter(([, capacity]) => capacity >= count)
    .sort(([left, small], [right, large]) => small - large || (left < right ? -1 : 1))
    .slice(0, maxTries)
    .map(([value]) => ({ key, value }));
}

/** How many of the tasks one node has resources for. */
function capacityOf(
  snapshot: Snapshot,
  { requests }: SchedulingTask,
  { slot, of }: { slot: number; of: 'free' | 'allocatable' },
): number {
  if (snapshot.present[slot] === 0) return 0;
  let capacity = Number.MAX_SAFE_INTEGER;
  for (const resource in requests) {
    const amount = snapshot.resource(resource)?.[of][slot] ?? 0;
    capacity = Math.min(capacity, Math.floor(Math.max(0, amount) / (requests[resource] ?? 1)));
  }
  return capacity;
}
