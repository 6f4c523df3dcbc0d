/**
 * Whom a task may displace on one node, and which node costs least (kube-scheduler's DefaultPreemption,
 * Borg's bands). Pure: it names victims and ends nobody.
 *
 * A victim's priority is lower than the task's; production never displaces production. Of those who could
 * go, the most important are spared first as long as the task still fits (reprieve), so that what remains
 * are the least important ones that are really in the way.
 */
import { bandOf, bands } from '../../api/kinds/priority-bands.ts';
import type { Resident, Residents } from './residents.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';

/** The victims on one node, and what they cost; the lesser is better, in the order of the fields. */
export interface Candidate {
  victims: readonly Resident[];
  /** The highest priority among them; -Infinity when nobody need go. */
  highest: number;
  /** Of their priorities, counted up from the lowest there is. */
  sum: number;
  count: number;
  /** The earliest start among those of the highest priority, negated: who ran longest is spared. */
  start: number;
}

/** Priorities are 32-bit numbers, below zero as well. */
const lowestPriority = -(2 ** 31);

/** Whom a priority may displace: everything below this. */
export function victimLimit(priority: number): number {
  const band = bands.find(({ name }) => name === bandOf(priority));
  return band?.name === 'production' ? band.priority : priority;
}

/** Undefined: the task does not fit on that node, whoever goes. */
export function candidateOn(
  task: SchedulingTask,
  slot: number,
  { snapshot, residents }: { snapshot: Snapshot; residents: Residents },
): Candidate | undefined {
  const limit = victimLimit(task.priority);
  const room = new Room(task, snapshot, slot);
  const mayGo: Resident[] = [];
  for (const resident of residents.on(slot).values()) {
    if (!resident.ending && resident.priority >= limit) {
      if (room.conflictsWith(resident)) return undefined;
      continue;
    }
    room.release(resident);
    if (!resident.ending) mayGo.push(resident);
  }
  if (!room.fits) return undefined;
  return costOf(mayGo.sort(byImportance).filter((resident) => !room.takeBack(resident)));
}

/** What is left on a node for the resources and ports the task asks for, the task itself taken off. */
class Room {
  readonly #left: Record<string, number> = {};
  readonly #ports: readonly string[];

  constructor({ requests, ports }: SchedulingTask, snapshot: Snapshot, slot: number) {
    this.#ports = ports;
    for (const resource in requests)
      this.#left[resource] = (snapshot.resource(resource)?.free[slot] ?? 0) - (requests[resource] ?? 0);
  }

  get fits(): boolean {
    for (const resource in this.#left) if (this.#left[resource]! < 0) return false;
    return true;
  }

  conflictsWith({ ports }: Resident): boolean {
    return ports.some((port) => this.#ports.includes(port));
  }

  release({ requests }: Resident): void {
    for (const resource in this.#left) this.#left[resource]! += requests[resource] ?? 0;
  }

  /** False, and nothing changed, when the task would no longer fit beside the resident. */
  takeBack(resident: Resident): boolean {
    if (this.conflictsWith(resident)) return false;
    const { requests } = resident;
    for (const resource in this.#left) if (this.#left[resource]! < (requests[resource] ?? 0)) return false;
    for (const resource in this.#left) this.#left[resource]! -= requests[resource] ?? 0;
    return true;
  }
}

/** Higher priority first, then who has run longer, then by name. */
function byImportance(left: Resident, right: Resident): number {
  if (left.priority !== right.priority) return right.priority - left.priority;
  if (left.startedMs !== right.startedMs) return left.startedMs - right.startedMs;
  return left.key < right.key ? -1 : 1;
}

/** `victims` in order of importance. */
function costOf(victims: readonly Resident[]): Candidate {
  const [first] = victims;
  if (!first) return { victims, highest: Number.NEGATIVE_INFINITY, sum: 0, count: 0, start: 0 };
  return {
    victims,
    highest: first.priority,
    sum: victims.reduce((sum, { priority }) => sum + priority - lowestPriority, 0),
    count: victims.length,
    start: -first.startedMs,
  };
}

/** Negative: the left is cheaper. Zero: only the name of the node can decide. */
export function compareCandidates(left: Candidate, right: Candidate): number {
  if (left.highest !== right.highest) return left.highest < right.highest ? -1 : 1;
  return left.sum - right.sum || left.count - right.count || left.start - right.start;
}
