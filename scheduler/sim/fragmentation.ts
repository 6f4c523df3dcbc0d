/**
 * Expected fragmentation (Weng et al., USENIX ATC'23): how much of a node's free GPU capacity a task drawn
 * from the workload could not use. Amounts are thousandths of a GPU.
 *
 * For one typical task: all that is free, if the node cannot take the task; else what is free on devices
 * too full for it. The node's value is the mean over the typical tasks, weighted by how often they come.
 */
import { type GpuCell, type GpuShape, maxGpus } from './gpu-cell.ts';

interface Typical {
  cpuMilli: number;
  gpus: number;
  share: number;
  /** Index into `sizes`. */
  size: number;
}

/** What can come to the nodes of one model. */
interface ModelWorkload {
  /** Share of tasks that can use no GPU of this model: all that is free is lost to them. */
  useless: number;
  typicals: readonly Typical[];
}

/** Shapes that make up this share of the workload stand for all of it. */
const popularity = 0.95;

export class Fragmentation {
  readonly #shares: readonly (readonly [GpuShape, number])[];
  /** The thousandths per device that typical tasks ask for. */
  readonly #sizes: readonly number[];
  readonly #byModel = new Map<string, ModelWorkload>();
  /** By size, in the call under way: devices that have as much free, and what is free on the others. */
  readonly #devices: Int32Array;
  readonly #scraps: Int32Array;

  constructor(workload: readonly GpuShape[]) {
    this.#shares = typicalShares(workload);
    this.#sizes = [...new Set(this.#shares.map(([{ gpuMilli }]) => gpuMilli))];
    this.#devices = new Int32Array(this.#sizes.length);
    this.#scraps = new Int32Array(this.#sizes.length);
  }

  of(cell: GpuCell, node: number): number {
    return this.#amount(cell, node, cell.cpuFree[node]!);
  }

  /** The same if the task were there, sharing `device` when it shares one. */
  afterPlacing(cell: GpuCell, node: number, { shape, device }: { shape: GpuShape; device: number }): number {
    const first = node * maxGpus;
    const before = cell.deviceFree.slice(first, first + maxGpus);
    takeDevices(cell.deviceFree, first, { shape, device });
    const amount = this.#amount(cell, node, cell.cpuFree[node]! - shape.cpuMilli);
    cell.deviceFree.set(before, first);
    return amount;
  }

  #amount(cell: GpuCell, node: number, cpuFree: number): number {
    const free = this.#countDevices(cell, node);
    const { useless, typicals } = this.#workloadOf(cell.models[node]!);
    let amount = useless * free;
    for (const { cpuMilli, gpus, share, size } of typicals) {
      const takes = cpuFree >= cpuMilli && this.#devices[size]! >= gpus;
      amount += share * (takes ? this.#scraps[size]! : free);
    }
    return amount;
  }

  /** Fills in `#devices` and `#scraps`; gives what is free on all devices. */
  #countDevices({ deviceFree, gpuCount }: GpuCell, node: number): number {
    const first = node * maxGpus;
    const end = first + gpuCount[node]!;
    let free = 0;
    for (let device = first; device < end; device++) free += deviceFree[device]!;
    for (let size = 0; size < this.#sizes.length; size++) {
      const wanted = this.#sizes[size]!;
      let devices = 0;
      let scraps = 0;
      for (let device = first; device < end; device++) {
        if (deviceFree[device]! >= wanted) devices++;
        else scraps += deviceFree[device]!;
      }
      this.#devices[size] = devices;
      this.#scraps[size] = scraps;
    }
    return free;
  }

  #workloadOf(model: string): ModelWorkload {
    let workload = this.#byModel.get(model);
    if (!workload) this.#byModel.set(model, (workload = this.#makeWorkload(model)));
    return workload;
  }

  #makeWorkload(model: string): ModelWorkload {
    const usable = this.#shares.filter(
      ([{ gpus, models }]) => gpus > 0 && (models.length === 0 || models.includes(model)),
    );
    const typicals = usable.map(([{ cpuMilli, gpus, gpuMilli }, share]) => ({
      cpuMilli,
      gpus,
      share,
      size: this.#sizes.indexOf(gpuMilli),
    }));
    return { useless: 1 - typicals.reduce((sum, { share }) => sum + share, 0), typicals };
  }
}

function takeDevices(
  deviceFree: Int16Array,
  first: number,
  { shape: { gpus, gpuMilli }, device }: { shape: GpuShape; device: number },
): void {
  if (gpus === 1) deviceFree[first + device]! -= gpuMilli;
  else
    for (let at = first, missing = gpus; missing > 0; at++) {
      if (deviceFree[at]! < gpuMilli) continue;
      deviceFree[at]! -= gpuMilli;
      missing--;
    }
}

/** The most frequent requests (memory apart), until they make up `popularity`; their shares add up to 1. */
function typicalShares(workload: readonly GpuShape[]): [GpuShape, number][] {
  const counts = new Map<string, { shape: GpuShape; count: number }>();
  for (const shape of workload) {
    const key = `${shape.cpuMilli}/${shape.gpuMilli}/${shape.gpus}/${shape.models.join('|')}`;
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { shape, count: 1 });
  }
  const frequent = [...counts.values()].sort((left, right) => right.count - left.count);
  const typical: typeof frequent = [];
  let total = 0;
  for (const one of frequent) {
    if (total >= popularity * workload.length) break;
    typical.push(one);
    total += one.count;
  }
  return typical.map(({ shape, count }) => [shape, count / total]);
}
