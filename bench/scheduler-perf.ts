/**
 * kube-scheduler's scheduler_perf, end to end: tasks created through the API, decided by the scheduler's own
 * process, bound in the store, seen bound by a watch. The shapes and the node (4 CPU, 32Gi, 110 pods) are the
 * peer's; beside them stand the thresholds its CI holds itself to on large machines, at 5,000 nodes.
 * Nodes are objects only; a simulated agent ends the tasks that a preemption displaces.
 */
import { Node, Task } from '../api/kinds/resources.ts';
import { sleep, systemClock } from '../api/meta/clock.ts';
import type { WatchEvent } from '../api/meta/object-meta.ts';
import type { Client } from '../client/client.ts';
import { Cell, createNodes, parallel, type StoreName } from './cell.ts';
import type { Table } from './table.ts';

const sizes = [1000, 5000];
const inFlight = 64;
const schedulerName = 'default-scheduler';
const namespace = 'default';
/** A shape that does not end within it counts what was bound so far. */
const patienceMs = 120_000;

type TaskEvent = Exclude<WatchEvent<Task>, { type: 'BOOKMARK' }>;

interface Selection {
  namespace: string;
  labelSelector: string;
  signal: AbortSignal;
}

type Spec = Partial<Omit<Task['spec'], 'containers'>> & { cpu?: string };

interface Shape {
  name: string;
  /** Tasks bound before the clock starts, and tasks measured, for a cell of so many nodes. */
  initial: (nodes: number) => number;
  measured: (nodes: number) => number;
  before?: Spec;
  spec?: Spec;
  /** The tasks before the clock starts stay pending, for good. */
  isBacklog?: boolean;
  churns?: boolean;
  /** Pods per second at 5,000 nodes, threshold of scheduler_perf. */
  peer: string;
}

const labels = { color: 'blue' };
const selector = { labelSelector: { matchLabels: labels } };
const spread = (whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway'): Spec => ({
  topologySpreadConstraints: [
    {
      maxSkew: 5,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable,
      nodeAffinityPolicy: 'Honor',
      nodeTaintsPolicy: 'Ignore',
      ...selector,
    },
  ],
});
const near = {
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'topology.kubernetes.io/region', ...selector },
    ],
  },
};
const far = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', ...selector }],
  },
};

const shapes: readonly Shape[] = [
  { name: 'basic', initial: (n) => n / 5, measured: (n) => n * 2, peer: '680' },
  {
    name: 'anti-affinity (host)',
    initial: (n) => n / 5,
    measured: (n) => (n * 2) / 5,
    before: { affinity: far },
    spec: { affinity: far },
    peer: '60',
  },
  {
    name: 'affinity (region)',
    initial: (n) => n,
    measured: (n) => n,
    before: { affinity: near },
    spec: { affinity: near },
    peer: '35',
  },
  {
    name: 'spreading over zones',
    initial: (n) => n,
    measured: (n) => n,
    spec: spread('DoNotSchedule'),
    peer: '460',
  },
  {
    name: 'spreading, preferred',
    initial: (n) => n,
    measured: (n) => n,
    spec: spread('ScheduleAnyway'),
    peer: '340',
  },
  {
    name: 'preemption',
    initial: (n) => n * 4,
    measured: (n) => n,
    before: { cpu: '900m', terminationGracePeriodSeconds: 0 },
    spec: { cpu: '3', priorityClassName: 'production' },
    peer: '18 (500 nodes)',
  },
  { name: 'mixed churn', initial: () => 0, measured: (n) => n * 2, churns: true, peer: '710' },
  {
    name: 'unschedulable backlog',
    initial: (n) => n / 5,
    measured: (n) => n * 2,
    before: { cpu: '100' },
    isBacklog: true,
    peer: '590',
  },
];

export async function run(): Promise<Table> {
  const rows: (string | number)[][] = [];
  for (const shape of shapes) {
    const row: (string | number)[] = [shape.name];
    for (const nodes of sizes)
      for (const store of ['embedded', 'etcd'] as const) row.push(await measure(shape, store, nodes));
    rows.push([...row, shape.peer]);
  }
  return {
    title: 'scheduler_perf: tasks created and bound per second',
    columns: ['', '1,000 embedded', '1,000 etcd', '5,000 embedded', '5,000 etcd', 'kube-scheduler, 5,000'],
    rows,
    notes: [
      'Load generator, API server, scheduler and store share the cores.',
      "The peer's column: the thresholds of its own CI, on large machines, over etcd.",
    ],
  };
}

async function measure(shape: Shape, store: StoreName, nodes: number): Promise<number> {
  const cell = await Cell.start(store);
  const abort = new AbortController();
  try {
    await createNodes(cell.client, nodes);
    cell.startPart('scheduler');
    await create(cell.client, 'before', shape.initial(nodes), shape.before);
    if (!shape.isBacklog) await bound(cell.client, 'before', shape.initial(nodes));
    void endDisplaced(cell.client, abort.signal);
    if (shape.churns) void churn(cell.client, abort.signal);
    return await createdAndBound(cell.client, shape.measured(nodes), shape.spec);
  } finally {
    abort.abort();
    await cell.stop();
  }
}

/** Tasks per second, from the first create until a watch has seen the last one bound. */
async function createdAndBound(client: Client, count: number, spec: Spec | undefined): Promise<number> {
  const startMs = performance.now();
  const all = bound(client, 'measured', count);
  await create(client, 'measured', count, spec);
  const seen = await all;
  return seen / ((performance.now() - startMs) / 1000);
}

function create(
  client: Client,
  prefix: string,
  count: number,
  { cpu = '100m', ...spec }: Spec = {},
): Promise<number> {
  const requests = { cpu, memory: '500Mi' };
  return parallel(count, inFlight, (index) =>
    client.create(Task, {
      metadata: { namespace, name: `${prefix}-${index}`, labels: { ...labels, phase: prefix } },
      spec: {
        schedulerName,
        ...spec,
        containers: [{ name: 'main', image: 'pause', resources: { requests } }],
      },
    }),
  );
}

/** Resolves when a watch has seen so many of them bound, or patience is over; gives how many there were. */
async function bound(client: Client, prefix: string, count: number): Promise<number> {
  const seen = new Set<string>();
  const patience = new AbortController();
  const watching = (async () => {
    if (count === 0) return;
    const selection = { namespace, labelSelector: `phase=${prefix}`, signal: patience.signal };
    for await (const { type, object } of watchAgain(client, selection)) {
      if (type !== 'DELETED' && object.spec.nodeName !== undefined) seen.add(object.metadata.name);
      if (seen.size === count) return;
    }
  })();
  await Promise.race([watching, sleep(systemClock, patienceMs, patience.signal)]).catch(() => {});
  patience.abort();
  return seen.size;
}

/** What node agents would do with tasks that are to go; with the creates it stays within one user's share of the writes. */
async function endDisplaced(client: Client, signal: AbortSignal): Promise<void> {
  const ending = new Set<Promise<void>>();
  const selection = { namespace, labelSelector: 'phase=before', signal };
  for await (const { type, object } of watchAgain(client, selection)) {
    if (type === 'DELETED' || !object.metadata.deletionTimestamp) continue;
    const ended = end(client, object).finally(() => ending.delete(ended));
    ending.add(ended);
    while (ending.size >= inFlight / 2) await Promise.race(ending);
  }
}

/** A watch that is cut off, because its reader was slow, begins anew with all there is. */
async function* watchAgain(client: Client, selection: Selection): AsyncGenerator<TaskEvent> {
  while (!selection.signal.aborted) {
    try {
      for await (const event of client.watch(Task, selection)) if (event.type !== 'BOOKMARK') yield event;
    } catch {
      await sleep(systemClock, 50);
    }
  }
}

async function end(client: Client, { metadata: { name, uid } }: Task): Promise<void> {
  const preconditions = uid ? { preconditions: { uid } } : {};
  await client.delete(Task, { namespace, name }, { gracePeriodSeconds: 0, ...preconditions }).catch(() => {});
}

/** Twice a second a node and a task that fits nowhere come and go. */
async function churn(client: Client, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    const name = `churn-${round}`;
    await client.create(Node, { metadata: { name }, status: {} }).catch(() => {});
    await create(client, name, 1, { cpu: '100' }).catch(() => {});
    await sleep(systemClock, 500, signal).catch(() => {});
    await client.delete(Node, { name }).catch(() => {});
    await client.delete(Task, { namespace, name: `${name}-0` }).catch(() => {});
  }
}
