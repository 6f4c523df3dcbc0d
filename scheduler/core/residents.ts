/**
 * Who is on each node, for preemption: the tasks that hold something of a slot, and per resource how much
 * each band of priorities holds. Kept up by the cluster state beside the node table.
 *
 * Invariant: the columns are the sums over the residents; those that are ending count in no band, as
 * nobody needs to end them.
 */
import { type Band, bandOf } from '../../api/kinds/priority-bands.ts';
import type { Footprint } from './scheduling-task.ts';

export interface Resident extends Footprint {
  key: string;
  uid: string;
  priority: number;
  /** Since when it runs, in milliseconds; 0 when it is not known. */
  startedMs: number;
  /** On its way out: its room will be free without anybody's doing. */
  ending: boolean;
  /** No task yet, but room kept for one; giving it up ends nothing. */
  isReservation: boolean;
}

const nobody: ReadonlyMap<string, Resident> = new Map();

export class Residents {
  readonly #bySlot: Map<string, Resident>[] = [];
  readonly #held = new Map<string, Float64Array>();

  /** By uid. */
  on(slot: number): ReadonlyMap<string, Resident> {
    return this.#bySlot[slot] ?? nobody;
  }

  add(slot: number, resident: Resident): void {
    this.remove(slot, resident.uid);
    (this.#bySlot[slot] ??= new Map()).set(resident.uid, resident);
    this.#count(slot, resident, 1);
  }

  remove(slot: number, uid: string): void {
    const resident = this.#bySlot[slot]?.get(uid);
    if (!resident) return;
    this.#bySlot[slot]?.delete(uid);
    this.#count(slot, resident, -1);
  }

  /** How much of a resource tasks of these bands hold on the slot and could be made to give back. */
  heldBy(bands: readonly Band[], resource: string, slot: number): number {
    let sum = 0;
    for (const band of bands) sum += this.#held.get(`${band}/${resource}`)?.[slot] ?? 0;
    return sum;
  }

  #count(slot: number, { requests, priority, ending }: Resident, sign: 1 | -1): void {
    if (ending) return;
    for (const resource in requests) {
      const key = `${bandOf(priority)}/${resource}`;
      let column = this.#held.get(key);
      if (!column || slot >= column.length) {
        const larger = new Float64Array(Math.max(64, 2 * slot));
        larger.set(column ?? []);
        this.#held.set(key, (column = larger));
      }
      column[slot]! += sign * (requests[resource] ?? 0);
    }
  }
}
