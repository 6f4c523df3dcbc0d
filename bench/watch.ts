/**
 * Watch fan-out: how many watchers hear of how many changes and how late, what that costs the API server, and
 * what one that does not read costs the others.
 */
import { ConfigMap } from '../api/kinds/resources.ts';
import { HttpsTransport } from '../client/https-transport.ts';
import { Cell, type StoreName } from './cell.ts';
import { paced } from './pace.ts';
import { percentile, type Table } from './table.ts';
import { Watchers } from './watchers.ts';

const watcherCount = 1000;
const objectCount = 100;
const seconds = 5;
const inFlight = 64;
const fullRate = 1000;
const rates = [10, 100, fullRate];

type Figures = Map<string, number>;

/** By the name of the row: kube-apiserver 1.20 over etcd 3.4 on a machine like this one, and what is to be reached. */
const beside: readonly [row: RegExp, peer: string, goal: string][] = [
  [/^1000 changes\/s: made/, '182 (200 watchers)', '1,000'],
  [/^1000 changes\/s: delivered/, '60,000 (200 watchers)', '1,000,000'],
  [/^1000 changes\/s: late, p99/, '', '≤ 100'],
];

export async function run(): Promise<Table> {
  const embedded = await measure('embedded');
  const etcd = await measure('etcd');
  return {
    title: `Watch fan-out: ${watcherCount} watchers over TLS, ${objectCount} objects`,
    columns: ['changes wanted', 'embedded', 'etcd', 'kube 1.20 on etcd', 'goal over etcd'],
    rows: [...embedded].map(([what, figure]) => {
      const [, peer = '', goal = ''] = beside.find(([row]) => row.test(what)) ?? [];
      return [what, figure, etcd.get(what) ?? '', peer, goal];
    }),
    notes: [
      'A change is a PATCH of a ConfigMap by one client; late = from before the PATCH until a watcher has it.',
      'Every watcher is a TLS connection. All of them in one process, the writer in another, the API server and the store share the cores.',
    ],
  };
}

async function measure(store: StoreName): Promise<Figures> {
  const cell = await Cell.start(store);
  const watched = (index: number) => ({ namespace: 'default', name: `watched-${index % objectCount}` });
  try {
    for (let index = 0; index < objectCount; index++)
      await cell.client.create(ConfigMap, { metadata: watched(index) });
    const watchers = await Watchers.open(cell.kubeconfigFile, watcherCount);
    const change = (index: number): Promise<unknown> => {
      const body = { data: { index: `${index}`, sentMs: `${performance.timeOrigin + performance.now()}` } };
      return cell.client.patch(ConfigMap, watched(index), { type: 'merge', body });
    };
    const figures: Figures = new Map();
    const atRate = (perSecond: number, suffix: string): Promise<void> =>
      measureRate({ cell, watchers, figures, change }, perSecond, `${perSecond} changes/s${suffix}`);
    // Opens the writer's connections.
    const warmUp = await paced({ perSecond: fullRate, seconds: 1, inFlight }, change);
    await watchers.caughtUp(warmUp);
    for (const rate of rates) await atRate(rate, '');
    const slow = await openOneThatDoesNotRead(cell);
    await atRate(fullRate, ', one watcher does not read');
    slow.close();
    figures.set('API server resident, MiB', cell.apiServerBytes() / 2 ** 20);
    watchers.close();
    return figures;
  } finally {
    await cell.stop();
  }
}

async function measureRate(
  {
    cell,
    watchers,
    figures,
    change,
  }: {
    cell: Cell;
    watchers: Watchers;
    figures: Figures;
    change: (index: number) => Promise<unknown>;
  },
  perSecond: number,
  title: string,
): Promise<void> {
  const before = { delivered: watchers.delivered, fewest: watchers.fewest };
  const cpu = { server: cell.apiServerCpuSeconds(), watchers: watchers.cpuSeconds };
  watchers.lateMs = [];
  const startMs = performance.now();
  const changes = await paced({ perSecond, seconds, inFlight }, change);
  const madeIn = (performance.now() - startMs) / 1000;
  await watchers.caughtUp(before.fewest + changes);
  const heardIn = (performance.now() - startMs) / 1000;
  const delivered = watchers.delivered - before.delivered;
  const set = (what: string, figure: number): unknown => figures.set(`${title}: ${what}`, figure);
  set('made/s', changes / madeIn);
  set('delivered/s', delivered / heardIn);
  set('late, p50 ms', percentile(watchers.lateMs, 0.5));
  set('late, p99 ms', percentile(watchers.lateMs, 0.99));
  set('missed', changes * watcherCount - delivered);
  set('CPU s of the API server per million', (cell.apiServerCpuSeconds() - cpu.server) / (delivered / 1e6));
  set('CPU s of the watchers per million', (watchers.cpuSeconds - cpu.watchers) / (delivered / 1e6));
}

/** Its connection is open and nobody reads from it. */
async function openOneThatDoesNotRead(cell: Cell): Promise<{ close(): void }> {
  const transport = new HttpsTransport({ config: await cell.clusterConfig() });
  const path = '/api/v1/namespaces/default/configmaps?watch=true';
  const { chunks } = await transport.stream({ method: 'GET', path, headers: {} });
  await chunks[Symbol.asyncIterator]().next();
  return transport;
}
