/** `gantry status`: which parts run, since when they are known under which pid, and where their logs are. */
import { join } from 'node:path';
import { type ClusterHome, readRecord } from './cluster-home.ts';
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
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  output.out(
    `cluster ${home.name}: https://127.0.0.1:${record.apiPort}, ${record.store}, ${record.nodes.length} nodes\n\n`,
  );
  for (const row of rows)
    output.out(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd()}\n`,
    );
  const allRun = Object.values(parts).every(isAlive) && supervisor !== undefined && isAlive(supervisor);
  return allRun ? 0 : 1;
}
