/**
 * How long a command in a container takes, from the asking to its exit code: raw `runc exec` on the node, and through
 * API server and agent. On a real local cluster, one after the other in turns, so that both see the same machine.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { Task } from '../api/kinds/resources.ts';
import { connect } from '../client/http-client.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';
import { openStream } from '../client/open-stream.ts';
import { clusterHome } from '../cluster/cluster-home.ts';
import { percentile, type Table } from './table.ts';

const root = resolve(import.meta.dirname, '..');
const rounds = 100;
const name = 'target';

export async function run(): Promise<Table> {
  const scratch = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  const env = { GANTRY_HOME: join(scratch, 'home'), KUBECONFIG: join(scratch, 'kubeconfig') };
  const { runDirectory } = clusterHome('bench-exec', {
    home: scratch,
    gantryHome: env.GANTRY_HOME,
    isRoot: true,
  });
  const gantry = (...args: string[]) => execa(join(root, 'gantry'), args, { env });
  try {
    await gantry('up', '--name', 'bench-exec', '--nodes', '1');
    const config = await loadClusterConfig([env.KUBECONFIG]);
    const client = connect(config);
    const containers = [{ name: 'main', command: ['sleep', '1000'], resources: {} }];
    await client.create(Task, { metadata: { namespace: 'default', name }, spec: { containers } });
    client.close();
    await gantry('wait', `task/${name}`, '--for=jsonpath={.status.phase}=Running');
    const runcRoot = join(runDirectory, readdirSync(runDirectory)[0] ?? '', 'runc');
    const cid = readdirSync(runcRoot)[0] ?? '';
    const path = `/apis/gantry.dev/v1/namespaces/default/tasks/${name}/exec?command=true`;
    const [raw, through]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      raw.push(await timed(() => execa('runc', ['--root', runcRoot, 'exec', cid, 'true'])));
      through.push(
        await timed(async () => {
          const stream = await openStream(config, path);
          for await (const _frame of stream.frames());
          stream.close();
        }),
      );
    }
    const row = (label: string, samples: number[]) => [
      label,
      percentile(samples, 0.5),
      percentile(samples, 0.99),
    ];
    return {
      title: `A command in a container, from the asking to its exit code, ${rounds} times, ms`,
      columns: ['', 'p50', 'p99'],
      rows: [row('runc exec', raw), row('through the API', through)],
      notes: ['Goal: 100 ms through the API.'],
    };
  } finally {
    await execa(join(root, 'gantry'), ['down', '--name', 'bench-exec'], { env, reject: false });
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await act();
  return performance.now() - beganMs;
}
