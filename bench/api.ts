/**
 * create/s, bind/s, GET/s and created-and-bound/s at 1,000 simulated nodes, on the embedded store and on
 * etcd, through TLS. The peer's figures (kube-apiserver and kube-scheduler 1.20 over etcd 3.4 on a 2-core
 * machine) are printed beside.
 */
import { Task } from '../api/kinds/resources.ts';
import { sleep, systemClock } from '../api/meta/clock.ts';
import { objectPath } from '../client/resource-path.ts';
import { Cell, createNodes, parallel, type StoreName } from './cell.ts';
import { getRate } from './raw-load.ts';
import { percentile, type Table } from './table.ts';

const nodeCount = 1000;
const taskCount = 4000;
const inFlight = 64;

interface Figures {
  create: number;
  createP99Ms: number;
  bind: number;
  get: number;
  rawGet: number;
  endToEnd: number;
  memoryMb: number;
  createCpu: CpuPerTask;
  endToEndCpu: CpuPerTask;
}

/** Milliseconds of each process. On a busy machine it says more than the time on the wall. */
type CpuPerTask = ReadonlyMap<string, number>;

export async function run(): Promise<Table[]> {
  const embedded = await measure('embedded');
  const etcd = await measure('etcd');
  const row = (
    what: string,
    key: Exclude<keyof Figures, 'createCpu' | 'endToEndCpu'>,
    { peer = '', goal = '' }: { peer?: string; goal?: string },
  ): (string | number)[] => [what, embedded[key], etcd[key], peer, goal];
  const rates = {
    title: `API at ${nodeCount} simulated nodes, ${taskCount} tasks, ${inFlight} in flight`,
    columns: ['', 'embedded', 'etcd', 'kube 1.20 on etcd', 'goal over etcd'],
    rows: [
      row('create, tasks/s', 'create', { peer: '555–691', goal: '≥ 2,000' }),
      row('create p99, ms', 'createP99Ms', {}),
      row('bind (bulk of 100), tasks/s', 'bind', {}),
      row('GET one task, /s, by the SDK', 'get', { peer: '4,100–4,400' }),
      row('GET one task, /s, answers not parsed', 'rawGet', { goal: '≥ 10,000' }),
      row('create → bound by the scheduler, tasks/s', 'endToEnd', { peer: '216–299', goal: '≥ 1,500' }),
      row('API server resident, MiB', 'memoryMb', { peer: '557–615', goal: '≤ 256' }),
    ],
    notes: ['Load generator, API server, scheduler and store share the cores.'],
  };
  return [rates, cpuTable(embedded, etcd)];
}

function cpuTable(embedded: Figures, etcd: Figures): Table {
  const runs = [embedded.createCpu, etcd.createCpu, embedded.endToEndCpu, etcd.endToEndCpu];
  const total = (run: CpuPerTask): number => [...run.values()].reduce((sum, ms) => sum + ms, 0);
  return {
    title: 'CPU ms per task by process',
    columns: ['', 'create, embedded', 'create, etcd', 'create → bound, embedded', 'create → bound, etcd'],
    rows: [
      ...[...etcd.endToEndCpu.keys()].map((process) => [
        process,
        ...runs.map((run) => run.get(process) ?? ''),
      ]),
      ['all', ...runs.map(total)],
    ],
  };
}

/** What `work`, on `taskCount` tasks, gives, and what it takes of the processors. */
async function metered(
  cell: Cell,
  work: () => Promise<number>,
): Promise<{ result: number; cpu: CpuPerTask }> {
  const before = cell.cpuMs();
  const result = await work();
  const cpu = [...cell.cpuMs()].map(
    ([part, ms]) => [part, (ms - (before.get(part) ?? 0)) / taskCount] as const,
  );
  return { result, cpu: new Map(cpu) };
}

async function measure(store: StoreName): Promise<Figures> {
  const cell = await Cell.start(store);
  try {
    await createNodes(cell.client, nodeCount);
    const latencies: number[] = [];
    await createTasks(cell, 'warm', 500, []);
    const create = await metered(cell, () => createTasks(cell, 'bench', taskCount, latencies));
    const bind = taskCount / (await bindTasks(cell));
    const getSeconds = await parallel(10_000, inFlight, (index) =>
      cell.client.get(Task, { namespace: 'default', name: `bench-${index % taskCount}` }),
    );
    const rawGet = await getRate({
      config: await cell.clusterConfig(),
      path: (index) => objectPath(Task, { namespace: 'default', name: `bench-${index % taskCount}` }),
      count: 10_000,
      connections: inFlight,
    });
    cell.startPart('scheduler');
    await sleep(systemClock, 3000);
    const endToEnd = await metered(cell, () => createAndSchedule(cell));
    return {
      create: taskCount / create.result,
      createP99Ms: percentile(latencies, 0.99),
      bind,
      get: 10_000 / getSeconds,
      rawGet,
      endToEnd: endToEnd.result,
      memoryMb: cell.apiServerBytes() / 2 ** 20,
      createCpu: create.cpu,
      endToEndCpu: endToEnd.cpu,
    };
  } finally {
    await cell.stop();
  }
}

/** scheduler_perf's task: 100m and 500Mi. */
function createTasks(
  cell: Cell,
  prefix: string,
  count: number,
  latencies: number[],
  schedulerName = 'nobody',
): Promise<number> {
  return parallel(count, inFlight, async (index) => {
    const startMs = performance.now();
    await cell.client.create(Task, {
      metadata: { namespace: 'default', name: `${prefix}-${index}`, labels: { app: prefix } },
      spec: {
        schedulerName,
        containers: [
          { name: 'main', image: 'pause', resources: { requests: { cpu: '100m', memory: '500Mi' } } },
        ],
      },
    });
    latencies.push(performance.now() - startMs);
  });
}

async function bindTasks(cell: Cell): Promise<number> {
  const scheduler = await cell.schedulerClient();
  const bulk = 100;
  return parallel(taskCount / bulk, 4, async (batch) => {
    const binds = Array.from({ length: bulk }, (_, offset) => {
      const index = batch * bulk + offset;
      return { namespace: 'default', name: `bench-${index}`, node: `sim-${index % nodeCount}` };
    });
    const failed = (await scheduler.commit({ mode: 'Incremental', binds })).find(
      (result) => result !== undefined,
    );
    if (failed) throw failed;
  });
}

/** Tasks per second from the first create until a watch has seen the last one bound. */
async function createAndSchedule(cell: Cell): Promise<number> {
  const bound = new Set<string>();
  const abort = new AbortController();
  const { metadata } = await cell.client.list(Task, { namespace: 'default', limit: 1 });
  const watching = (async () => {
    for await (const event of cell.client.watch(Task, {
      namespace: 'default',
      labelSelector: 'app=e2e',
      resourceVersion: metadata.resourceVersion,
      signal: abort.signal,
    })) {
      if (event.type !== 'BOOKMARK' && event.object.spec.nodeName !== undefined)
        bound.add(event.object.metadata.name);
      if (bound.size === taskCount) return;
    }
  })();
  const startMs = performance.now();
  await createTasks(cell, 'e2e', taskCount, [], 'default-scheduler');
  await Promise.race([watching, sleep(systemClock, 120_000)]);
  const seconds = (performance.now() - startMs) / 1000;
  abort.abort();
  return bound.size / seconds;
}
