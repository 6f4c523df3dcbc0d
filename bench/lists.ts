/** Lists: how long one of 10,000 tasks takes, what they weigh, and how long a create beside them takes at 100/s. */
import { Task } from '../api/kinds/resources.ts';
import { Cell, createNodes, parallel, type StoreName } from './cell.ts';
import { paced } from './pace.ts';
import { percentile, type Table } from './table.ts';

const taskCount = 10_000;
const nodeCount = 1000;
const seconds = 5;
const inFlight = 64;

type Figures = Map<string, string | number>;

/** By the name of the row: kube-apiserver 1.20 over etcd 3.4 on a machine like this one, and what is to be reached. */
const beside: readonly [row: RegExp, peer: string, goal: string][] = [
  [/^create, tasks/, '555–691', '≥ 2,000'],
  [/^API server resident at/, '557–615', '≤ 256'],
  [/^list of/, '0.1–0.33 (5,000 pods)', ''],
  [/^… MB/, '8.1 (5,000 pods)', ''],
  [/^create at 100\/s, p99/, '', '≤ 50'],
];

function peerAndGoal(what: string): [peer: string, goal: string] {
  const [, peer = '', goal = ''] = beside.find(([row]) => row.test(what)) ?? [];
  return [peer, goal];
}

export async function run(): Promise<Table> {
  const embedded = await measure('embedded');
  const etcd = await measure('etcd');
  return {
    title: `Lists: ${taskCount} tasks, ${nodeCount} nodes`,
    columns: ['', 'embedded', 'etcd', 'kube 1.20 on etcd', 'goal over etcd'],
    rows: [...embedded].map(([what, figure]) => [what, figure, etcd.get(what) ?? '', ...peerAndGoal(what)]),
  };
}

async function measure(store: StoreName): Promise<Figures> {
  const cell = await Cell.start(store);
  try {
    const figures: Figures = new Map();
    await createNodes(cell.client, nodeCount);
    const createSeconds = await parallel(taskCount, inFlight, (index) => createTask(cell, `bulk-${index}`));
    figures.set('create, tasks/s (64 in flight)', taskCount / createSeconds);
    figures.set(`API server resident at ${taskCount} tasks, MiB`, cell.apiServerBytes() / 2 ** 20);
    await measureLists(cell, figures);
    await measureCreates(cell, figures);
    return figures;
  } finally {
    await cell.stop();
  }
}

function createTask(cell: Cell, name: string): Promise<unknown> {
  const resources = { requests: { cpu: '100m', memory: '500Mi' } };
  return cell.client.create(Task, {
    metadata: { namespace: 'default', name, labels: { app: 'bench' } },
    spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'pause', resources }] },
  });
}

const tasksPath = '/apis/gantry.dev/v1/namespaces/default/tasks';

async function measureLists(cell: Cell, figures: Figures): Promise<void> {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const timed = async (path: string, accept?: string): Promise<{ took: number; bytes: number }> => {
    const startMs = performance.now();
    let bytes = 0;
    for await (const chunk of cell.client.stream(path, undefined, accept)) bytes += chunk.length;
    return { took: (performance.now() - startMs) / 1000, bytes };
  };
  await timed(tasksPath);
  const whole = await timed(tasksPath);
  figures.set(`list of ${taskCount} tasks, s`, whole.took);
  figures.set('… MB', whole.bytes / 1e6);
  figures.set('… as a table, s', (await timed(tasksPath, table)).took);
  figures.set('… by a label, s', (await timed(`${tasksPath}?labelSelector=app%3Dbench`)).took);
  const startMs = performance.now();
  let after: string | undefined;
  do {
    const page = await cell.client.list(Task, {
      namespace: 'default',
      limit: 500,
      ...(after ? { continue: after } : {}),
    });
    after = page.metadata.continue;
  } while (after);
  figures.set('… in pages of 500, parsed, s', (performance.now() - startMs) / 1000);
}

async function measureCreates(cell: Cell, figures: Figures): Promise<void> {
  const latencies: number[] = [];
  await paced({ perSecond: 100, seconds, inFlight }, async (index) => {
    const startMs = performance.now();
    await createTask(cell, `paced-${index}`);
    latencies.push(performance.now() - startMs);
  });
  figures.set('create at 100/s, p50 ms', percentile(latencies, 0.5));
  figures.set('create at 100/s, p99 ms', percentile(latencies, 0.99));
}
