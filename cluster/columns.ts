/** Rows of text in columns, the first row being the heads. */
import type { Output } from './options.ts';

export function printColumns(rows: readonly (readonly string[])[], output: Output): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ');
    output.out(`${line.trimEnd()}\n`);
  }
}
