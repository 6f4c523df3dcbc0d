/** `gantry status`: which parts run, since when they are known under which pid, and where their logs are. */
import { join } from 'node:path';
import { type ClusterHome, readRecord } from './cluster-home.ts';
import { printColumns } from './columns.ts';
import type { Output } from './options.ts';
import { isAlive } from './process-identity.ts';
import { readParts } from './supervisor.ts';

export async function status(home: ClusterHome, output: Output): Promise<number> {
  const record = await readRecord(home);
  if (!record) {
    output.err(`error: there is no cluster ${home.name} in ${home.directory}\n`);
    return 1;
  }
  const { supervisor, parts } = await readParts(home);
  const rows = [
    ['PART', 'STATUS', 'PID', 'RESTARTS', 'LOG'],
    [
      'supervisor',
      supervisor && isAlive(supervisor) ? 'Running' : 'Dead',
      String(supervisor?.pid ?? ''),
      '',
      join(home.logs, 'supervisor.log'),
    ],
    ...Object.entries(parts).map(([name, part]) => [
      name,
      isAlive(part) ? 'Running' : 'Dead',
      String(part.pid),
      String(part.restarts),
      join(home.logs, `${name}.log`),
    ]),
  ];
  output.out(
    `cluster ${home.name}: https://127.0.0.1:${record.apiPort}, ${record.store}, ${record.nodes.length} nodes\n\n`,
  );
  printColumns(rows, output);
  if (record.schedulerMetricsPort !== undefined)
    output.out(
      `\nscheduler: http://127.0.0.1:${record.schedulerMetricsPort}/metrics, /decisions, /healthz\n`,
    );
  const allRun = Object.values(parts).every(isAlive) && supervisor !== undefined && isAlive(supervisor);
  return allRun ? 0 : 1;
}
