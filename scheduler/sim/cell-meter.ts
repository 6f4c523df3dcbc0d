/**
 * Measures a cell through a simulation: how much of each resource is used (over time and at most) and how
 * much of what is free is fragmented.
 *
 * Fragmentation here: the share of free cpu on nodes that could not take a task of the trace, the mean over
 * its most frequent requests, weighted by how often they came.
 */
import type { ResourceAmounts } from '../../api/meta/quantity.ts';
import type { SchedulingTask } from '../core/scheduling-task.ts';
import type { Snapshot } from '../core/snapshot.ts';

export interface Sample {
  /** Seconds of the trace. */
  at: number;
  running: number;
  waiting: number;
  /** Share of allocatable that tasks asked for, by resource. */
  used: Record<string, number>;
  /** Share of free cpu. */
  fragmentation: number;
}

interface Total {
  used: number;
  allocatable: number;
  /** Used times seconds. */
  integral: number;
  peak: number;
}

interface Counts {
  running: number;
  waiting: number;
}

/** Requests that count for fragmentation. */
const frequentRequests = 20;

export class CellMeter {
  readonly samples: Sample[] = [];
  running = 0;
  peakAt: number;
  readonly #snapshot: Snapshot;
  readonly #totals = new Map<string, Total>();
  readonly #shapes = new Map<string, { requests: ResourceAmounts; count: number }>();
  readonly #startsAt: number;
  readonly #interval: number;
  #at: number;
  #nextSample: number;
  #fullest = -1;

  constructor(snapshot: Snapshot, { startsAt, interval }: { startsAt: number; interval: number }) {
    this.#snapshot = snapshot;
    this.#startsAt = this.#at = this.#nextSample = this.peakAt = startsAt;
    this.#interval = interval;
  }

  /** A task of the trace has come. */
  expect({ requests }: SchedulingTask): void {
    const key = JSON.stringify(requests);
    const shape = this.#shapes.get(key);
    if (shape) shape.count++;
    else this.#shapes.set(key, { requests, count: 1 });
  }

  add({ requests }: SchedulingTask): void {
    this.running++;
    for (const resource in requests) this.#total(resource).used += requests[resource] ?? 0;
    let fullness = 0;
    for (const total of this.#totals.values()) {
      total.peak = Math.max(total.peak, total.used);
      if (Number.isFinite(total.allocatable) && total.allocatable > 0)
        fullness += total.used / total.allocatable;
    }
    if (fullness <= this.#fullest) return;
    this.#fullest = fullness;
    this.peakAt = this.#at;
  }

  remove({ requests }: SchedulingTask): void {
    this.running--;
    for (const resource in requests) this.#total(resource).used -= requests[resource] ?? 0;
  }

  /** Time has come to `at`; until then everything was as it is now. */
  pass(at: number, counts: Counts): void {
    if (at >= this.#nextSample && at > this.#startsAt) {
      this.sample(this.#at, counts);
      this.#nextSample = at + this.#interval;
    }
    for (const total of this.#totals.values()) total.integral += total.used * (at - this.#at);
    this.#at = at;
  }

  sample(at: number, { running, waiting }: Counts): void {
    const used = Object.fromEntries(
      [...this.#shares()].map(([resource, total]) => [resource, shareOf(total)]),
    );
    this.samples.push({ at, running, waiting, used, fragmentation: this.#fragmentation() });
  }

  /** Shares of allocatable, for every resource the nodes have a limited amount of. */
  utilisation(): Record<string, { mean: number; peak: number }> {
    const seconds = this.#at - this.#startsAt;
    const shares = [...this.#shares()].map(([resource, total]) => {
      const { integral, allocatable, peak } = total;
      const mean = seconds > 0 ? integral / seconds / allocatable : shareOf(total);
      return [resource, { mean, peak: peak / allocatable }] as const;
    });
    return Object.fromEntries(shares);
  }

  *#shares(): Iterable<[string, Total]> {
    for (const [resource, total] of this.#totals) {
      if (Number.isFinite(total.allocatable) && total.allocatable > 0) yield [resource, total];
    }
  }

  #total(resource: string): Total {
    let total = this.#totals.get(resource);
    if (!total) {
      const { size, present } = this.#snapshot;
      const column = this.#snapshot.resource(resource)?.allocatable;
      let allocatable = 0;
      for (let slot = 0; slot < size; slot++) if (present[slot] === 1) allocatable += column?.[slot] ?? 0;
      this.#totals.set(resource, (total = { used: 0, allocatable, integral: 0, peak: 0 }));
    }
    return total;
  }

  #fragmentation(): number {
    const shapes = [...this.#shapes.values()].sort((left, right) => right.count - left.count);
    const frequent = shapes.slice(0, frequentRequests);
    const tasks = frequent.reduce((sum, { count }) => sum + count, 0);
    const free = this.#freeCpu(() => true);
    if (tasks === 0 || free === 0) return 0;
    return frequent.reduce((sum, { requests, count }) => {
      const lost = this.#freeCpu((slot) => !this.#takes(requests, slot));
      return sum + ((count / tasks) * lost) / free;
    }, 0);
  }

  #takes(requests: ResourceAmounts, slot: number): boolean {
    for (const resource in requests) {
      const column = this.#snapshot.resource(resource);
      if ((column?.free[slot] ?? 0) < (requests[resource] ?? 0)) return false;
    }
    return true;
  }

  #freeCpu(counts: (slot: number) => boolean): number {
    const { size, present } = this.#snapshot;
    const free = this.#snapshot.resource('cpu')?.free;
    let sum = 0;
    for (let slot = 0; slot < size; slot++)
      if (present[slot] === 1 && counts(slot)) sum += Math.max(0, free?.[slot] ?? 0);
    return sum;
  }
}

function shareOf({ used, allocatable }: Total): number {
  return used / allocatable;
}
