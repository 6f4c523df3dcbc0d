/**
 * Who is on each node, for preemption: the tasks that hold something of a slot. Kept up by the cluster state
 * beside the node table; whoever changes a resident tells the table (`noteChange`).
 */
import type { Gang } from '../../api/kinds/gang.ts';
import type { Footprint } from './scheduling-task.ts';

export interface Resident {
  readonly key: string;
  readonly uid: string;
  readonly requests: Footprint['requests'];
  readonly ports: Footprint['ports'];
  readonly identity: Footprint['identity'];
  readonly priority: number;
  /** Since when it runs, in milliseconds; 0 when it is not known. */
  startedMs: number;
  /** On its way out: its room will be free without anybody's doing. */
  ending: boolean;
  /** No task yet, but room kept for one; giving it up ends nothing. */
  readonly isReservation: boolean;
  /** `namespace/name` of its job; and what it is without the others of it. */
  readonly job: string | undefined;
  readonly gang: Gang | undefined;
}

const nobody: readonly Resident[] = [];

export class Residents {
  readonly #bySlot: Resident[][] = [];
  readonly #gangs = new Map<string, Map<string, Resident>>();

  /** In no order that means anything. */
  on(slot: number): readonly Resident[] {
    return this.#bySlot[slot] ?? nobody;
  }

  /** Members of a gang, wherever they are. */
  ofGang(job: string): Iterable<Resident> {
    return this.#gangs.get(job)?.values() ?? [];
  }

  add(slot: number, resident: Resident): void {
    const there = this.#bySlot[slot];
    if (there) there.push(resident);
    else this.#bySlot[slot] = [resident];
    const { uid, job, gang } = resident;
    if (!gang || job === undefined) return;
    const members = this.#gangs.get(job) ?? new Map<string, Resident>();
    this.#gangs.set(job, members.set(uid, resident));
  }

  remove(slot: number, uid: string): void {
    const there = this.#bySlot[slot] ?? [];
    const at = there.findIndex((resident) => resident.uid === uid);
    const resident = there[at];
    if (!resident) return;
    there[at] = there.at(-1)!;
    there.pop();
    const { job } = resident;
    const members = job === undefined ? undefined : this.#gangs.get(job);
    members?.delete(uid);
    if (job !== undefined && members?.size === 0) this.#gangs.delete(job);
  }
}
