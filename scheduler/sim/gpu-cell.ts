/**
 * A cell of machines with GPUs that can be shared by the thousandth: cpu, memory and the free part of every
 * device. What the GPU study (gpu-study.ts) places its tasks in.
 *
 * Invariants: nodes are in the order of their names, so the lower index is the smaller name; nothing free is
 * ever negative; a whole-GPU task has its devices to itself.
 */

export interface GpuNode {
  name: string;
  cpuMilli: number;
  memoryMib: number;
  gpus: number;
  model: string;
}

/** What a task asks for. Tasks of equal requests share one shape object, so results can be kept per shape. */
export interface GpuShape {
  cpuMilli: number;
  memoryMib: number;
  /** Number of devices; 0 for a task without. */
  gpus: number;
  /** Of each device, in thousandths: 1000 with several devices. */
  gpuMilli: number;
  /** Models it runs on; empty means any. */
  models: readonly string[];
}

export const wholeGpu = 1000;
export const maxGpus = 8;

export class GpuCell {
  readonly size: number;
  readonly models: readonly string[];
  readonly gpuCount: Int32Array;
  readonly cpuFree: Float64Array;
  readonly memoryFree: Float64Array;
  /** Sum over the node's devices. */
  readonly gpuFree: Int32Array;
  /** Free thousandths of device d of a node at `node * maxGpus + d`. */
  readonly deviceFree: Int16Array;
  /** GPU thousandths of all nodes, and how many of them tasks have. */
  readonly capacity: number;
  allocated = 0;
  /** Every placement's node, in order: who keeps results per node looks at those after its last visit. */
  readonly changes: number[] = [];
  /** Kinds of tasks on each node, by number of devices (`share` for a part of one). */
  readonly kinds: Set<string>[];

  constructor(nodes: readonly GpuNode[]) {
    const sorted = [...nodes].sort((left, right) => (left.name < right.name ? -1 : 1));
    this.size = sorted.length;
    this.models = sorted.map(({ model }) => model);
    this.gpuCount = Int32Array.from(sorted, ({ gpus }) => gpus);
    this.cpuFree = Float64Array.from(sorted, ({ cpuMilli }) => cpuMilli);
    this.memoryFree = Float64Array.from(sorted, ({ memoryMib }) => memoryMib);
    this.gpuFree = this.gpuCount.map((gpus) => gpus * wholeGpu);
    this.deviceFree = new Int16Array(this.size * maxGpus);
    this.kinds = sorted.map(() => new Set());
    for (const [node, gpus] of this.gpuCount.entries())
      this.deviceFree.fill(wholeGpu, node * maxGpus, node * maxGpus + gpus);
    this.capacity = this.gpuFree.reduce((sum, free) => sum + free, 0);
  }

  fits(node: number, { cpuMilli, memoryMib, gpus, gpuMilli, models }: GpuShape): boolean {
    if (this.cpuFree[node]! < cpuMilli || this.memoryFree[node]! < memoryMib) return false;
    if (gpus === 0) return true;
    if (this.gpuFree[node]! < gpus * gpuMilli) return false;
    if (models.length > 0 && !models.includes(this.models[node]!)) return false;
    return this.devicesWith(node, gpuMilli) >= gpus;
  }

  /** How many devices of the node have at least that much free. */
  devicesWith(node: number, gpuMilli: number): number {
    const first = node * maxGpus;
    const end = first + this.gpuCount[node]!;
    let count = 0;
    for (let device = first; device < end; device++) if (this.deviceFree[device]! >= gpuMilli) count++;
    return count;
  }

  /** Puts a task that fits on the node. `device` (0 … gpus-1) is the one to share; tasks of whole GPUs get free ones. */
  place(node: number, shape: GpuShape, device: number): void {
    const { cpuMilli, memoryMib, gpus, gpuMilli } = shape;
    this.cpuFree[node]! -= cpuMilli;
    this.memoryFree[node]! -= memoryMib;
    this.gpuFree[node]! -= gpus * gpuMilli;
    this.allocated += gpus * gpuMilli;
    const first = node * maxGpus;
    if (isShared(shape)) this.deviceFree[first + device]! -= gpuMilli;
    else this.#takeWhole(first, gpus);
    if (gpus > 0) this.kinds[node]!.add(kindOf(shape));
    this.changes.push(node);
  }

  #takeWhole(first: number, gpus: number): void {
    for (let device = first, missing = gpus; missing > 0; device++) {
      if (this.deviceFree[device] !== wholeGpu) continue;
      this.deviceFree[device] = 0;
      missing--;
    }
  }
}

/** A part of one device. */
export function isShared({ gpus, gpuMilli }: GpuShape): boolean {
  return gpus === 1 && gpuMilli < wholeGpu;
}

export function kindOf(shape: GpuShape): string {
  return isShared(shape) ? 'share' : `${shape.gpus}`;
}
