/** Expected fragmentation (core/expected-fragmentation.ts) of the GPU study's cell, where tasks may name models. */
import { ExpectedFragmentation, typicalShares } from '../core/expected-fragmentation.ts';
import { type GpuCell, type GpuShape, maxGpus } from './gpu-cell.ts';

export class Fragmentation {
  readonly #shares: readonly (readonly [GpuShape, number])[];
  readonly #byModel = new Map<string, ExpectedFragmentation>();

  constructor(workload: readonly GpuShape[]) {
    this.#shares = typicalShares(countedShapes(workload)).map(([{ shape }, share]) => [shape, share]);
  }

  of(cell: GpuCell, node: number): number {
    return this.#expectedOn(cell, node).of(cell.cpuFree[node]!, devicesOf(cell, node));
  }

  /** The same if the task were there, sharing `device` when it shares one. */
  afterPlacing(cell: GpuCell, node: number, { shape, device }: { shape: GpuShape; device: number }): number {
    const left = devicesOf(cell, node).slice();
    takeDevices(left, { shape, device });
    return this.#expectedOn(cell, node).of(cell.cpuFree[node]! - shape.cpuMilli, left);
  }

  #expectedOn({ models }: GpuCell, node: number): ExpectedFragmentation {
    const model = models[node]!;
    let expected = this.#byModel.get(model);
    if (!expected) this.#byModel.set(model, (expected = new ExpectedFragmentation(this.#usableOn(model))));
    return expected;
  }

  #usableOn(model: string) {
    return this.#shares
      .filter(([{ gpus, models }]) => gpus > 0 && (models.length === 0 || models.includes(model)))
      .map(([{ cpuMilli, gpus, gpuMilli }, share]) => ({ cpuMilli, gpus, gpuMilli, share }));
  }
}

function devicesOf({ deviceFree, gpuCount }: GpuCell, node: number): Int16Array {
  const first = node * maxGpus;
  return deviceFree.subarray(first, first + gpuCount[node]!);
}

function takeDevices(
  free: Int16Array,
  { shape: { gpus, gpuMilli }, device }: { shape: GpuShape; device: number },
): void {
  if (gpus === 1) free[device]! -= gpuMilli;
  else
    for (let at = 0, missing = gpus; missing > 0; at++) {
      if (free[at]! < gpuMilli) continue;
      free[at]! -= gpuMilli;
      missing--;
    }
}

/** Memory apart: shapes that differ only in it are one. */
function countedShapes(workload: readonly GpuShape[]): Iterable<{ shape: GpuShape; count: number }> {
  const counts = new Map<string, { shape: GpuShape; count: number }>();
  for (const shape of workload) {
    const key = `${shape.cpuMilli}/${shape.gpuMilli}/${shape.gpus}/${shape.models.join('|')}`;
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { shape, count: 1 });
  }
  return counts.values();
}
