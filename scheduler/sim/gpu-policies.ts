/**
 * Placement policies of the GPU study, as in Weng et al. (USENIX ATC'23): a score per node, a whole number of
 * at least 0, the highest wins, ties go to the smallest name; and the device that a task of a part of a GPU shares.
 */
import type { Random } from '../../api/meta/random.ts';
import { Fragmentation } from './fragmentation.ts';
import { type GpuCell, type GpuShape, isShared, kindOf, maxGpus, wholeGpu } from './gpu-cell.ts';

export interface GpuPolicy {
  readonly name: string;
  /** Of a node that fits, below 2^15. Depends on the node and the shape alone, so it holds until the node changes. */
  score(cell: GpuCell, node: number, shape: GpuShape): number;
  /** Which device a sharing task gets; asked only after the node is chosen. */
  device(cell: GpuCell, node: number, shape: GpuShape): number;
  /** Picks among all nodes that fit, in place of the score. */
  pick?(feasible: readonly number[]): number;
}

/** The largest machine of the trace: what requests and free resources are measured by. */
const largest = { cpuMilli: 128_000, gpuMilli: maxGpus * wholeGpu };

/** The paper's six. What Gantry does is in production-study.ts. */
export const policyNames = ['Random', 'DotProd', 'GpuClustering', 'GpuPacking', 'BestFit', 'FGD'] as const;
export type PolicyName = (typeof policyNames)[number];

/** `workload`: what FGD expects to come. */
export function makePolicy(name: PolicyName, workload: readonly GpuShape[], random: Random): GpuPolicy {
  switch (name) {
    case 'Random':
      return randomPolicy(random);
    case 'DotProd':
      return { name, score: dotProduct, device: tightestDevice };
    case 'GpuClustering':
      return { name, score: clustering, device: tightestDevice };
    case 'GpuPacking':
      return { name, score: packing, device: tightestDevice };
    case 'BestFit':
      return { name, score: bestFit, device: tightestDevice };
    case 'FGD':
      return fragmentationGradient(new Fragmentation(workload));
  }
}

function randomPolicy(random: Random): GpuPolicy {
  const one = (items: readonly number[]): number => items[Math.floor(random.next() * items.length)]!;
  return {
    name: 'Random',
    score: () => 0,
    pick: one,
    device: (cell, node, shape) => one(devicesFor(cell, node, shape)),
  };
}

/** Tetris' alignment, turned round: the less a task's demand points where the node has room, the better. */
function dotProduct(cell: GpuCell, node: number, { cpuMilli, gpus, gpuMilli }: GpuShape): number {
  const cpu = (cell.cpuFree[node]! / largest.cpuMilli) * (cpuMilli / largest.cpuMilli);
  const gpu = (cell.gpuFree[node]! / largest.gpuMilli) * ((gpus * gpuMilli) / largest.gpuMilli);
  return Math.trunc(100 * (1 - (cpu + gpu) / 2));
}

/** Gandiva's packing: tasks of one kind together, fuller nodes first. */
function clustering(cell: GpuCell, node: number, shape: GpuShape): number {
  if (shape.gpus === 0) return 0;
  const fullness = Math.trunc((25 * (largest.gpuMilli - cell.gpuFree[node]!)) / largest.gpuMilli);
  const kinds = cell.kinds[node]!;
  if (kinds.has(kindOf(shape))) return fullness + (kinds.size === 1 ? 75 : 50);
  return fullness + (kinds.size === 0 ? 25 : 0);
}

/** Shared devices first, then free devices of used nodes, then free nodes with few devices. */
function packing(cell: GpuCell, node: number, shape: GpuShape): number {
  if (shape.gpus === 0) return 0;
  const untouched = cell.devicesWith(node, wholeGpu);
  if (untouched === cell.gpuCount[node]) return Math.max(33 - untouched, untouched);
  const free = isShared(shape)
    ? cell.deviceFree[node * maxGpus + tightestDevice(cell, node, shape)]!
    : wholeGpu;
  if (free === wholeGpu) return Math.max(50 - shape.gpus, 33);
  return 100 - Math.trunc(Math.trunc(free / 10) / 10);
}

/** What is left of cpu and GPU after placing, the less the better. */
function bestFit(cell: GpuCell, node: number, { cpuMilli, gpus, gpuMilli }: GpuShape): number {
  const cpu = (cell.cpuFree[node]! - cpuMilli) / largest.cpuMilli;
  const gpu = (cell.gpuFree[node]! - gpus * gpuMilli) / largest.gpuMilli;
  return Math.trunc((1 - 0.5 * cpu - 0.5 * gpu) * 100);
}

/** Fragmentation gradient descent: where placing adds least to (or takes most from) expected fragmentation. */
function fragmentationGradient(fragmentation: Fragmentation): GpuPolicy {
  const scoreOn = (cell: GpuCell, node: number, to: { shape: GpuShape; device: number }): number => {
    const grown = fragmentation.afterPlacing(cell, node, to) - fragmentation.of(cell, node);
    return Math.trunc(100 / (1 + Math.exp(grown / wholeGpu)));
  };
  const best = (cell: GpuCell, node: number, shape: GpuShape): { score: number; device: number } => {
    if (!isShared(shape)) {
      const device = shape.gpus === 1 ? devicesFor(cell, node, shape)[0]! : 0;
      return { score: scoreOn(cell, node, { shape, device }), device };
    }
    let found = { score: -1, device: 0 };
    for (const device of distinctDevices(cell, node, shape)) {
      const score = scoreOn(cell, node, { shape, device });
      if (score > found.score) found = { score, device };
    }
    return found;
  };
  return {
    name: 'FGD',
    score: (cell, node, shape) => best(cell, node, shape).score,
    device: (cell, node, shape) => best(cell, node, shape).device,
  };
}

function devicesFor({ deviceFree, gpuCount }: GpuCell, node: number, { gpuMilli }: GpuShape): number[] {
  const devices: number[] = [];
  for (let device = 0; device < gpuCount[node]!; device++)
    if (deviceFree[node * maxGpus + device]! >= gpuMilli) devices.push(device);
  return devices;
}

/** Of devices with as much free, the first: the others would score the same. */
function distinctDevices(cell: GpuCell, node: number, shape: GpuShape): number[] {
  const free = (device: number): number => cell.deviceFree[node * maxGpus + device]!;
  return devicesFor(cell, node, shape).filter(
    (device, at, all) => all.findIndex((other) => free(other) === free(device)) === at,
  );
}

function tightestDevice(cell: GpuCell, node: number, shape: GpuShape): number {
  const free = (device: number): number => cell.deviceFree[node * maxGpus + device]!;
  return devicesFor(cell, node, shape).reduce((best, device) => (free(device) < free(best) ? device : best));
}
