/**
 * Whom a task may displace on one node, and which node costs least (kube-scheduler's DefaultPreemption,
 * Borg's bands). Pure: it names victims and ends nobody.
 *
 * A victim's priority is lower than the task's; production never displaces production. Of those who could
 * go, the ones that disruption budgets protect are spared first as long as the task still fits
 * (reprieve), then the most important, so that what remains are the least important ones that are really in the
 * way. Required anti-affinity and spread that refuse the node are cured like a lack of room: by those of its own
 * tasks that must go for it. A gang that would fall below its minimum goes as a whole: what is left of it would be of no use.
 */
import { bandOf, bands } from '../../api/kinds/priority-bands.ts';
import { type Budgets, BudgetUse } from './budgets.ts';
import type { DomainFilter } from './domain-filter.ts';
import type { Gangs } from './gangs.ts';
import type { Resident, Residents } from './residents.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';

/** The victims on one node, and what they cost; the lesser is better, in the order of the fields. */
export interface Candidate {
  /** The most important first; members of broken gangs on other nodes among them. */
  victims: readonly Resident[];
  /** Tasks that go against disruption budgets. */
  violations: number;
  /** The highest priority among them; -Infinity when nobody need go. */
  highest: number;
  /** Of their priorities, counted up from the lowest there is. */
  sum: number;
  /** Work that would have to be done again: cpu seconds since their starts, as of the preemptor's creation. */
  lost: number;
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

/** What of the cell decides who goes. */
export interface VictimCell {
  snapshot: Snapshot;
  residents: Residents;
  gangs: Gangs;
  budgets: Budgets;
  /** What speaks against nodes because of tasks in their domains; absent: nothing. */
  domainFilters?: readonly DomainFilter[];
}

/** Undefined: the task does not fit on that node, whoever goes. */
export function candidateOn(task: SchedulingTask, slot: number, cell: VictimCell): Candidate | undefined {
  const room = new Room(task, slot, cell);
  const victims = victimsOn(slot, { room, limit: victimLimit(task.priority) }, cell);
  room.restore();
  const nowMs = Date.parse(task.created) || 0;
  return victims && costOf(withGangs(victims, cell).sort(byImportance), cell, nowMs);
}

function victimsOn(
  slot: number,
  { room, limit }: { room: Room; limit: number },
  cell: VictimCell,
): Resident[] | undefined {
  const { residents } = cell;
  const mayGo: Resident[] = [];
  for (const resident of residents.on(slot)) {
    if (!resident.ending && resident.priority >= limit) {
      if (room.conflictsWith(resident)) return undefined;
      continue;
    }
    room.release(resident);
    if (!resident.ending) mayGo.push(resident);
  }
  if (!room.fits) return undefined;
  const { protectedOnes, others } = byProtection(mayGo.sort(byImportance), cell);
  return [...protectedOnes, ...others].filter((resident) => !room.takeBack(resident));
}

/** Of each budget, the most important use it up; those beyond it are protected (kube-scheduler's order). */
function byProtection(
  residents: readonly Resident[],
  { budgets }: VictimCell,
): { protectedOnes: Resident[]; others: Resident[] } {
  const use = new BudgetUse(budgets);
  const protectedOnes: Resident[] = [];
  const others: Resident[] = [];
  for (const resident of residents) (use.spares(resident) ? others : protectedOnes).push(resident);
  return { protectedOnes, others };
}

/** With all members of the gangs that would be left too small. */
function withGangs(victims: readonly Resident[], { residents, gangs }: VictimCell): Resident[] {
  const all = new Map(victims.map((victim) => [victim.uid, victim]));
  for (const { gang, job } of victims) {
    if (!gang || job === undefined) continue;
    const rest = [...residents.ofGang(job)].filter(({ uid, ending }) => !ending && !all.has(uid));
    if (rest.length + gangs.count(job).succeeded >= gang.minMember) continue;
    for (const member of rest) all.set(member.uid, member);
  }
  return [...all.values()];
}

function violationsOf(victims: readonly Resident[], { budgets }: VictimCell): number {
  const use = new BudgetUse(budgets);
  return victims.filter((victim) => !use.spares(victim)).length;
}

/** What is left on a node for what the task asks for, the task itself taken off: resources, ports, and its place in domains. */
class Room {
  readonly #left: Record<string, number> = {};
  readonly #ports: readonly string[];
  readonly #slot: number;
  /** Those that refuse the node as it is; the others stay out of it. */
  readonly #refusing: readonly DomainFilter[];
  readonly #takenOff = new Set<Resident>();

  constructor(
    { requests, ports }: SchedulingTask,
    slot: number,
    { snapshot, domainFilters = [] }: VictimCell,
  ) {
    this.#ports = ports;
    this.#slot = slot;
    this.#refusing = domainFilters.filter((filter) => !filter.admits(slot));
    for (const resource in requests)
      this.#left[resource] = (snapshot.resource(resource)?.free[slot] ?? 0) - (requests[resource] ?? 0);
  }

  get fits(): boolean {
    for (const resource in this.#left) if (this.#left[resource]! < 0) return false;
    return this.#isAdmitted;
  }

  conflictsWith({ ports }: Resident): boolean {
    return ports.some((port) => this.#ports.includes(port));
  }

  release(resident: Resident): void {
    const { requests } = resident;
    for (const resource in this.#left) this.#left[resource]! += requests[resource] ?? 0;
    this.#takeOff(resident);
  }

  /** False, and nothing changed, when the task would no longer fit beside the resident. */
  takeBack(resident: Resident): boolean {
    if (this.conflictsWith(resident)) return false;
    const { requests } = resident;
    for (const resource in this.#left) if (this.#left[resource]! < (requests[resource] ?? 0)) return false;
    this.#putBack(resident);
    if (!this.#isAdmitted) {
      this.#takeOff(resident);
      return false;
    }
    for (const resource in this.#left) this.#left[resource]! -= requests[resource] ?? 0;
    return true;
  }

  /** The domains as they are; the room is of no use afterwards. */
  restore(): void {
    for (const resident of this.#takenOff) this.#putBack(resident);
  }

  get #isAdmitted(): boolean {
    return this.#refusing.every((filter) => filter.admits(this.#slot));
  }

  #takeOff(resident: Resident): void {
    this.#takenOff.add(resident);
    for (const filter of this.#refusing) filter.takeOff(this.#slot, resident);
  }

  #putBack(resident: Resident): void {
    this.#takenOff.delete(resident);
    for (const filter of this.#refusing) filter.putBack(this.#slot, resident);
  }
}

/** Higher priority first, then members of gangs, then who has run longer, then by name. */
function byImportance(left: Resident, right: Resident): number {
  if (left.priority !== right.priority) return right.priority - left.priority;
  if (!left.gang !== !right.gang) return left.gang ? -1 : 1;
  if (left.startedMs !== right.startedMs) return left.startedMs - right.startedMs;
  return left.key < right.key ? -1 : 1;
}

/** `victims` in order of importance. */
function costOf(victims: readonly Resident[], cell: VictimCell, nowMs: number): Candidate {
  const [first] = victims;
  if (!first)
    return { victims, violations: 0, highest: Number.NEGATIVE_INFINITY, sum: 0, lost: 0, count: 0, start: 0 };
  return {
    victims,
    violations: violationsOf(victims, cell),
    highest: first.priority,
    sum: victims.reduce((sum, { priority }) => sum + priority - lowestPriority, 0),
    lost: victims.reduce((sum, victim) => sum + lostWork(victim, nowMs), 0),
    count: victims.length,
    start: -first.startedMs,
  };
}

function lostWork({ startedMs, requests }: Resident, nowMs: number): number {
  if (startedMs === 0) return 0;
  const seconds = Math.max(0, nowMs - startedMs) / 1000;
  return seconds * ((requests['cpu'] ?? 0) / 1000);
}

/** Negative: the left is cheaper. Zero: only the name of the node can decide. */
export function compareCandidates(left: Candidate, right: Candidate): number {
  if (left.violations !== right.violations) return left.violations - right.violations;
  if (left.highest !== right.highest) return left.highest < right.highest ? -1 : 1;
  return (
    left.sum - right.sum || left.lost - right.lost || left.count - right.count || left.start - right.start
  );
}
