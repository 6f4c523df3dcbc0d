/**
 * Watches and lists: how many watchers hear of how many changes and how late, what one that does not read
 * costs the others, how long a list of 10,000 tasks takes, what they weigh, how long a create takes at 100/s.
 */
import { ConfigMap, Task } from '../api/kinds/resources.ts';
import { sleep, systemClock } from '../api/meta/clock.ts';
import { HttpsTransport } from '../client/https-transport.ts';
import { Cell, createNodes, parallel, type StoreName } from './cell.ts';
import { percentile, type Table } from './table.ts';
import { Watchers } from './watchers.ts';

const watcherCount = 1000;
const taskCount = 10_000;
const nodeCount = 1000;
const seconds = 5;
const rates = [10, 100, 1000];
const inFlight = 64;

type Figures = Map<string, string | number>;

/** By the name of the row: kube-apiserver 1.20 over etcd 3.4 on a machine like this one, and what is to be reached. */
const beside: readonly [row: RegExp, peer: string, goal: string][] = [
  [/^create, tasks/, '555–691', '≥ 2,000'],
  [/^API server resident at/, '557–615', '≤ 256'],
  [/^list of/, '0.1–0.33 (5,000 pods)', ''],
  [/^… MB/, '8.1 (5,000 pods)', ''],
  [/^create at 100\/s, p99/, '', '≤ 50'],
  [/^1000 changes\/s wanted: made/, '182 (200 watchers)', '1,000'],
  [/^1000 changes\/s wanted: delivered/, '60,000 (200 watchers)', '1,000,000'],
  [/^1000 changes\/s wanted: late/, '', '≤ 100'],
];

function peerAndGoal(what: string): [peer: string, goal: string] {
  const [, peer = '', goal = ''] = beside.find(([row]) => row.test(what)) ?? [];
  return [peer, goal];
}

export async function run(): Promise<Table> {
  const embedded = await measure('embedded');
  const etcd = await measure('etcd');
  return {
    title: `Watches and lists: ${watcherCount} watchers over TLS; ${taskCount} tasks, ${nodeCount} nodes`,
    columns: ['', 'embedded', 'etcd', 'kube 1.20 on etcd', 'goal over etcd'],
    rows: [...embedded].map(([what, figure]) => [what, figure, etcd.get(what) ?? '', ...peerAndGoal(what)]),
    notes: [
      'A change is a PATCH of a ConfigMap by one client; late = from before the PATCH until a watcher has it.',
      'Every watcher is a TLS connection; all of them, the writer, the API server and the store share the cores.',
    ],
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
    await measureWatchers(cell, figures);
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

/**
 * Calls `act` at an even rate, as far as it keeps up: at most `inFlight` calls are under way. Resolves, when
 * all have ended, with how many there were.
 */
async function paced(perSecond: number, act: (index: number) => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  const underWay = new Set<Promise<unknown>>();
  let calls = 0;
  for (let elapsedMs = 0; elapsedMs < seconds * 1000; elapsedMs = performance.now() - startMs) {
    while (calls < (elapsedMs / 1000) * perSecond && underWay.size < inFlight) {
      const call = act(calls++).finally(() => underWay.delete(call));
      underWay.add(call);
    }
    await sleep(systemClock, 5);
  }
  await Promise.all(underWay);
  return calls;
}

async function measureCreates(cell: Cell, figures: Figures): Promise<void> {
  const latencies: number[] = [];
  await paced(100, async (index) => {
    const startMs = performance.now();
    await createTask(cell, `paced-${index}`);
    latencies.push(performance.now() - startMs);
  });
  figures.set('create at 100/s, p50 ms', percentile(latencies, 0.5));
  figures.set('create at 100/s, p99 ms', percentile(latencies, 0.99));
}

async function measureWatchers(cell: Cell, figures: Figures): Promise<void> {
  const config = await cell.clusterConfig();
  const transport = new HttpsTransport({ config, maxConnections: watcherCount + 10 });
  const change = (index: number): Promise<unknown> => {
    const body = { data: { index: `${index}`, sentMs: `${performance.now()}` } };
    const key = { namespace: 'default', name: `watched-${index % 100}` };
    return cell.client.patch(ConfigMap, key, { type: 'merge', body });
  };
  for (let index = 0; index < 100; index++)
    await cell.client.create(ConfigMap, { metadata: { namespace: 'default', name: `watched-${index}` } });
  const watchers = await Watchers.open(transport, watcherCount);
  const atRate = async (perSecond: number, suffix: string): Promise<void> => {
    watchers.reset();
    const startMs = performance.now();
    const changes = await paced(perSecond, change);
    const madeIn = (performance.now() - startMs) / 1000;
    await watchers.caughtUp(changes);
    const heardIn = (performance.now() - startMs) / 1000;
    const set = (what: string, figure: number): unknown =>
      figures.set(`${perSecond} changes/s wanted${suffix}: ${what}`, figure);
    set('made/s', changes / madeIn);
    set('delivered/s', watchers.delivered / heardIn);
    set('late, p99 ms', percentile(watchers.lateMs, 0.99));
    set('missed', watchers.missed(changes));
  };
  for (const rate of rates) await atRate(rate, '');
  const slow = await watchers.openOneThatDoesNotRead();
  await atRate(100, ', one does not read');
  await slow.close();
  figures.set(`API server resident with ${watcherCount} watchers, MiB`, cell.apiServerBytes() / 2 ** 20);
  watchers.close();
}
