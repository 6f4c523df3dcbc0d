/**
 * What a simulation is fed with: nodes and a trace of tasks, from CSV or JSON text. Out come Node and Task
 * objects as the API server would store them, so the production core needs nothing of its own for traces.
 *
 *   nodes   CSV name,cpu,memory[,pods][,RESOURCE…][,label:KEY…] · openb's node list · JSON of Node objects
 *   trace   CSV arrival,cpu,memory[,name][,duration][,count][,priority][,job][,RESOURCE…] · openb's pod list ·
 *           JSON of records with the same names · JSON of Task objects (a checkpoint: bound tasks run)
 *
 * Times are seconds from any one moment on. A task without duration never ends. 1000 of a node's
 * gantry.dev/gpu-milli are a GPU, a device of its own; what openb calls gpu is such a one.
 */
import { Node, Task } from '../../api/kinds/resources.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { keyOf } from '../../api/meta/object-meta.ts';
import { isQuantity } from '../../api/meta/quantity.ts';
import { type CsvRecord, countOf, parseCsv } from './csv.ts';

export interface SimTask {
  task: Task;
  /** Seconds. */
  arrival: number;
  /** Seconds it runs once placed; undefined: for ever. */
  duration?: number;
}

const gpuMilli = 'gantry.dev/gpu-milli';
const gpuModel = 'gantry.dev/gpu-model';

/** Throws ApiError BadRequest naming the line that is wrong. */
export function parseNodes(text: string, name: string): Node[] {
  const objects = jsonItems(text, name)?.map((object) => checkedKind<Node>(object, Node.kind, name));
  const nodes =
    objects ??
    parseCsv(text, name).map((record, index) => {
      const place = `${name}:${index + 2}`;
      return 'sn' in record ? openbNode(record, place) : csvNode(record, place);
    });
  refuseTwins(nodes, name);
  return nodes;
}

/** In the order of arrival. Throws ApiError BadRequest naming the line that is wrong. */
export function parseTrace(text: string, name: string): SimTask[] {
  const items = jsonItems(text, name) ?? parseCsv(text, name);
  const tasks = items.flatMap((item, index) => {
    const place = `${name}:${index + 2}`;
    if ('kind' in item) return checkpointTask(checkedKind<Task>(item, Task.kind, name));
    const record = Object.fromEntries(Object.entries(item).map(([key, value]) => [key, String(value)]));
    return 'num_gpu' in record ? openbTask(record, place) : csvTasks(record, { place, index });
  });
  refuseTwins(
    tasks.map(({ task }) => task),
    name,
  );
  return tasks.sort((left, right) => left.arrival - right.arrival);
}

function refuseTwins(objects: readonly (Node | Task)[], file: string): void {
  const seen = new Set<string>();
  for (const object of objects) {
    const key = keyOf(object);
    if (seen.has(key))
      throw new ApiError('BadRequest', `${file}: the name ${JSON.stringify(key)} is there twice`);
    seen.add(key);
  }
}

function jsonItems(text: string, name: string): Record<string, unknown>[] | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value = JSON.parse(text) as { items?: unknown };
    const items = Array.isArray(value) ? value : value.items;
    if (Array.isArray(items)) return items as Record<string, unknown>[];
  } catch (error) {
    throw new ApiError('BadRequest', `${name}: ${(error as Error).message}`);
  }
  throw new ApiError('BadRequest', `${name}: is neither a list nor an object with items`);
}

function checkedKind<T>(object: Record<string, unknown>, kind: string, name: string): T {
  if (object['kind'] !== kind || !object['metadata'] || !object['spec'] || !object['status'])
    throw new ApiError('BadRequest', `${name}: holds something that is no ${kind} object`);
  return object as T;
}

/** A bound task runs from the start; one that waits arrived when it was made. */
export function checkpointTask(task: Task): SimTask {
  const created = Date.parse(task.metadata.creationTimestamp ?? '') / 1000;
  return { task, arrival: Number.isNaN(created) ? 0 : created };
}

function csvNode({ name = '', ...columns }: CsvRecord, place: string): Node {
  const labels: Record<string, string> = {};
  const allocatable: Record<string, string> = {};
  for (const [column, value] of Object.entries(columns)) {
    if (column.startsWith('label:')) labels[column.slice('label:'.length)] = value;
    else if (value !== '') allocatable[column] = quantityOf(columns, column, place);
  }
  if (allocatable[gpuMilli] === undefined) return nodeOf(name, { allocatable, labels });
  const { [gpuMilli]: _, ...others } = allocatable;
  const gpus = Math.floor(countOf(columns, gpuMilli, place) / 1000);
  return nodeOf(name, { allocatable: others, labels, gpus });
}

function openbNode(record: CsvRecord, place: string): Node {
  const allocatable = {
    cpu: `${countOf(record, 'cpu_milli', place)}m`,
    memory: `${countOf(record, 'memory_mib', place)}Mi`,
  };
  const labels = { [gpuModel]: record['model'] ?? '' };
  return nodeOf(record['sn'] ?? '', { allocatable, labels, gpus: countOf(record, 'gpu', place) });
}

interface NodeSize {
  allocatable: Record<string, string>;
  labels: Record<string, string>;
  gpus?: number;
}

function nodeOf(name: string, { allocatable, labels, gpus = 0 }: NodeSize): Node {
  const devices = Array.from({ length: gpus }, (_, gpu) => ({ name: `gpu-${gpu}` }));
  return {
    apiVersion: Node.apiVersion,
    kind: Node.kind,
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: {},
    status: { allocatable, devices, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function csvTasks(record: CsvRecord, { place, index }: { place: string; index: number }): SimTask[] {
  const {
    name = `t${index}`,
    arrival: _arrival,
    duration = '',
    count = '1',
    priority,
    job,
    ...asks
  } = record;
  const requests = Object.keys(asks).flatMap((column) =>
    asks[column] === '' ? [] : [[column, quantityOf(asks, column, place)] as const],
  );
  const arrival = countOf(record, 'arrival', place);
  const copies = countOf({ count }, 'count', place);
  return Array.from({ length: copies }, (_, copy) => ({
    task: taskOf(copies === 1 ? name : `${name}-${copy}`, arrival, {
      ...(priority ? { priority: countOf(record, 'priority', place) } : {}),
      ...(job ? { job } : {}),
      containers: [{ name: 'main', resources: { requests: Object.fromEntries(requests) } }],
    }),
    arrival,
    ...(duration === '' ? {} : { duration: countOf(record, 'duration', place) }),
  }));
}

function openbTask(record: CsvRecord, place: string): SimTask {
  const arrival = 'creation_time' in record ? countOf(record, 'creation_time', place) : 0;
  const models = (record['gpu_spec'] ?? '').split('|').filter((model) => model !== '');
  const asked = countOf(record, 'num_gpu', place) * countOf(record, 'gpu_milli', place);
  const requests = {
    cpu: `${countOf(record, 'cpu_milli', place)}m`,
    memory: `${countOf(record, 'memory_mib', place)}Mi`,
    [gpuMilli]: `${asked}`,
  };
  const matchExpressions = [{ key: gpuModel, operator: 'In' as const, values: models }];
  const required = { nodeSelectorTerms: [{ matchExpressions }] };
  return {
    task: taskOf(record['name'] ?? '', arrival, {
      containers: [{ name: 'main', resources: { requests } }],
      ...(models.length === 0
        ? {}
        : { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } }),
    }),
    arrival,
    ...(record['deletion_time']
      ? { duration: Math.max(0, countOf(record, 'deletion_time', place) - arrival) }
      : {}),
  };
}

function taskOf(
  name: string,
  arrival: number,
  spec: Pick<Task['spec'], 'containers'> & Partial<Task['spec']>,
): Task {
  return {
    apiVersion: Task.apiVersion,
    kind: Task.kind,
    metadata: {
      namespace: 'sim',
      name,
      uid: `sim/${name}`,
      creationTimestamp: new Date(arrival * 1000).toISOString(),
    },
    spec: { terminationGracePeriodSeconds: 0, schedulerName: 'default-scheduler', ...spec },
    status: { phase: 'Pending' },
  };
}

function quantityOf(record: CsvRecord, column: string, place: string): string {
  const text = record[column] ?? '';
  if (!isQuantity(text))
    throw new ApiError('BadRequest', `${place}: ${column}: ${JSON.stringify(text)} is not a quantity`);
  return text;
}
