/** `npm run bench -- <name> [--json]`: runs one benchmark and prints its table. */
import { readdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { formatTable, type Table } from './table.ts';

const notBenchmarks = new Set([
  'run',
  'table',
  'cell',
  'watchers',
  'watcher-process',
  'pace',
  'process-usage',
  'raw-load',
]);
const names = readdirSync(import.meta.dirname)
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => !notBenchmarks.has(name));

const [name = '', ...flags] = process.argv.slice(2);
if (!names.includes(name)) {
  console.error(`usage: npm run bench -- <name> [--json]\nbenchmarks: ${names.join(', ')}`);
  process.exit(2);
}

const { run } = (await import(`./${name}.ts`)) as { run: () => Promise<Table | Table[]> };
const tables = [await run()].flat();
const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, load ${loadavg()[0]?.toFixed(1)}`;
if (flags.includes('--json')) console.log(JSON.stringify({ machine, tables }, null, 2));
else
  for (const table of tables)
    console.log(`\n${formatTable({ ...table, notes: [...(table.notes ?? []), machine] })}`);
process.exit(0);
