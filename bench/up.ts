/** How long `gantry up` takes to three Ready nodes, once built; and again on what is left by `down --keep-data`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { percentile, type Table } from './table.ts';

const root = resolve(import.meta.dirname, '..');
const runs = 5;

export async function run(): Promise<Table> {
  const rows = [];
  for (const flags of [[], ['--etcd']]) {
    const seconds: number[] = [];
    for (let index = 0; index < runs; index++) seconds.push(await timeUp(flags));
    rows.push([
      flags.length > 0 ? 'etcd' : 'embedded',
      Math.min(...seconds),
      percentile(seconds, 0.5),
      Math.max(...seconds),
    ]);
  }
  return {
    title: `gantry up, three nodes, ${runs} runs, seconds until all are Ready`,
    columns: ['store', 'best', 'median', 'worst'],
    rows,
    notes: ['Goal: ≤ 3 s.'],
  };
}

async function timeUp(flags: string[]): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  const env = { GANTRY_HOME: join(scratch, 'home'), KUBECONFIG: join(scratch, 'kubeconfig') };
  try {
    const { stdout } = await execa(join(root, 'gantry'), ['up', '--name', 'bench', ...flags], { env });
    return Number(/is up after (\d+\.\d+) s/.exec(stdout)?.[1]);
  } finally {
    await execa(join(root, 'gantry'), ['down', '--name', 'bench'], { env, reject: false });
    rmSync(scratch, { recursive: true, force: true });
  }
}
