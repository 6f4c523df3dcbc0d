/**
 * Expected fragmentation (Weng et al., USENIX ATC'23): how much of a node's free GPU capacity a task drawn
 * from the workload could not use. Amounts are thousandths of a GPU.
 *
 * For one typical task: all that is free, if the node cannot take the task; else what is free on devices
 * too full for it. The node's value is the mean over the typical tasks, weighted by how often they come.
 */

export interface TypicalTask {
  cpuMilli: number;
  /** How many devices, and thousandths of each. */
  gpus: number;
  gpuMilli: number;
  /** Of all tasks of the workload; those of one object add up to 1 at most, the rest can use no GPU there. */
  share: number;
}

/** Shapes that make up this share of a workload stand for all of it. */
const popularity = 0.95;

/** The most frequent of them, until they stand for the workload; their shares add up to 1. */
export function typicalShares<T extends { count: number }>(shapes: Iterable<T>): [T, number][] {
  const frequent = [...shapes].sort((left, right) => right.count - left.count);
  const all = frequent.reduce((sum, { count }) => sum + count, 0);
  const typical: T[] = [];
  let total = 0;
  for (const shape of frequent) {
    if (total >= popularity * all) break;
    typical.push(shape);
    total += shape.count;
  }
  return typical.map((shape) => [shape, shape.count / total]);
}

/** For nodes that the same typical tasks can go to. */
export class ExpectedFragmentation {
  readonly #typicals: readonly (TypicalTask & { size: number })[];
  readonly #useless: number;
  /** The thousandths per device that typical tasks ask for. */
  readonly #sizes: readonly number[];
  /** By size, in the call under way: devices that have as much free, and what is free on the others. */
  readonly #devices: Int32Array;
  readonly #scraps: Int32Array;

  constructor(typicals: readonly TypicalTask[]) {
    this.#sizes = [...new Set(typicals.map(({ gpuMilli }) => gpuMilli))];
    this.#typicals = typicals.map((one) => ({ ...one, size: this.#sizes.indexOf(one.gpuMilli) }));
    this.#useless = 1 - typicals.reduce((sum, { share }) => sum + share, 0);
    this.#devices = new Int32Array(this.#sizes.length);
    this.#scraps = new Int32Array(this.#sizes.length);
  }

  /** `free`: of each device. */
  of(cpuFree: number, free: ArrayLike<number>): number {
    const all = this.#countDevices(free);
    if (all === 0) return 0;
    let amount = this.#useless * all;
    for (const { cpuMilli, gpus, share, size } of this.#typicals) {
      const takes = cpuFree >= cpuMilli && this.#devices[size]! >= gpus;
      amount += share * (takes ? this.#scraps[size]! : all);
    }
    return amount;
  }

  /** Fills in `#devices` and `#scraps`; gives what is free on all devices. */
  #countDevices(free: ArrayLike<number>): number {
    let all = 0;
    for (let device = 0; device < free.length; device++) all += free[device]!;
    for (let size = 0; size < this.#sizes.length; size++) {
      const wanted = this.#sizes[size]!;
      let devices = 0;
      let scraps = 0;
      for (let device = 0; device < free.length; device++) {
        if (free[device]! >= wanted) devices++;
        else scraps += free[device]!;
      }
      this.#devices[size] = devices;
      this.#scraps[size] = scraps;
    }
    return all;
  }
}
