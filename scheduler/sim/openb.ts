/**
 * The openb traces (Alibaba clusterdata, cluster-trace-gpu-v2023) as nodes and tasks of the GPU study.
 * CSV text in; tasks of equal requests share one shape.
 */
import { countOf, parseCsv } from './csv.ts';
import type { GpuNode, GpuShape } from './gpu-cell.ts';

/** Throws ApiError BadRequest naming the line that is wrong. */
export function openbNodes(text: string, name: string): GpuNode[] {
  const columns = ['sn', 'cpu_milli', 'memory_mib', 'gpu', 'model'];
  return parseCsv(text, name, columns).map((record, index) => {
    const place = `${name}:${index + 2}`;
    return {
      name: record['sn'] ?? '',
      cpuMilli: countOf(record, 'cpu_milli', place),
      memoryMib: countOf(record, 'memory_mib', place),
      gpus: countOf(record, 'gpu', place),
      model: record['model'] ?? '',
    };
  });
}

/** In the order of the file. Throws ApiError BadRequest naming the line that is wrong. */
export function openbTasks(text: string, name: string): GpuShape[] {
  const shapes = new Map<string, GpuShape>();
  const columns = ['name', 'cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli'];
  return parseCsv(text, name, columns).map((record, index) => {
    const place = `${name}:${index + 2}`;
    const shape: GpuShape = {
      cpuMilli: countOf(record, 'cpu_milli', place),
      memoryMib: countOf(record, 'memory_mib', place),
      gpus: countOf(record, 'num_gpu', place),
      gpuMilli: countOf(record, 'gpu_milli', place),
      models: (record['gpu_spec'] ?? '').split('|').filter((model) => model !== ''),
    };
    const key = JSON.stringify(shape);
    const known = shapes.get(key);
    if (!known) shapes.set(key, shape);
    return known ?? shape;
  });
}
