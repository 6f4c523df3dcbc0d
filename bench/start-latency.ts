/**
 * Task start latency on a real local cluster: from the create call until a watch sees the task Running,
 * with the image present. One task at a time, then ten at once.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { Task } from '../api/kinds/resources.ts';
import { connect, type HttpClient } from '../client/http-client.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';
import { parallel } from './cell.ts';
import { percentile, type Table } from './table.ts';

const root = resolve(import.meta.dirname, '..');
const tasks = 40;

export async function run(): Promise<Table> {
  const scratch = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  const env = { GANTRY_HOME: join(scratch, 'home'), KUBECONFIG: join(scratch, 'kubeconfig') };
  const gantry = (...args: string[]) => execa(join(root, 'gantry'), args, { env });
  try {
    await gantry('up', '--name', 'bench');
    const client = connect(await loadClusterConfig([join(scratch, 'home/bench/kubeconfig')]));
    await startTasks(client, 'warm', 3, 1);
    const rows = [];
    for (const [label, prefix, inFlight] of [
      ['one at a time', 'one', 1],
      ['ten at once', 'ten', 10],
    ] as const) {
      for (const image of [undefined, 'busybox']) {
        const samples = await startTasks(client, `${prefix}-${image ?? 'host'}`, tasks, inFlight, image);
        rows.push([
          `${label}, ${image ?? 'host root'}`,
          percentile(samples, 0.5),
          percentile(samples, 0.99),
          Math.max(...samples),
        ]);
      }
    }
    client.close();
    return {
      title: `Task start, create → Running seen by a watch, ${tasks} tasks, three nodes, ms`,
      columns: ['', 'p50', 'p99', 'worst'],
      rows,
      notes: ['Goal: p50 ≤ 300 ms, p99 ≤ 1,000 ms.'],
    };
  } finally {
    await execa(join(root, 'gantry'), ['down', '--name', 'bench'], { env, reject: false });
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Milliseconds of each start. The tasks are deleted again. */
async function startTasks(
  client: HttpClient,
  prefix: string,
  count: number,
  inFlight: number,
  image?: string,
): Promise<number[]> {
  const createdMs = new Map<string, number>();
  const waiting = new Map<string, () => void>();
  const samples: number[] = [];
  const abort = new AbortController();
  const { metadata } = await client.list(Task, { namespace: 'default' });
  const watching = (async () => {
    for await (const event of client.watch(Task, {
      namespace: 'default',
      resourceVersion: metadata.resourceVersion,
      signal: abort.signal,
    })) {
      if (event.type === 'BOOKMARK' || event.object.status.phase !== 'Running') continue;
      const { name } = event.object.metadata;
      const started = createdMs.get(name);
      if (started === undefined || !waiting.has(name)) continue;
      samples.push(performance.now() - started);
      waiting.get(name)?.();
      waiting.delete(name);
    }
  })().catch(() => undefined);
  await parallel(count, inFlight, async (index) => {
    const name = `${prefix}-${index}`;
    const running = new Promise<void>((resolve) => waiting.set(name, resolve));
    createdMs.set(name, performance.now());
    await client.create(Task, {
      metadata: { namespace: 'default', name },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'main',
            ...(image ? { image } : {}),
            command: ['sleep', '1000'],
            resources: { requests: { cpu: '10m', memory: '4Mi' } },
          },
        ],
      },
    });
    await running;
    await client.delete(Task, { namespace: 'default', name });
  });
  abort.abort();
  await watching;
  return samples;
}
