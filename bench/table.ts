/** What a benchmark gives: a table for people, and the same as data for machines. */

export interface Table {
  title: string;
  columns: readonly string[];
  rows: (string | number)[][];
  /** Conditions of the run, and what to compare with. */
  notes?: readonly string[];
}

export function formatTable({ title, columns, rows, notes = [] }: Table): string {
  const cells = [columns.map(String), ...rows.map((row) => row.map(formatCell))];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   '),
  );
  const [head = '', ...body] = lines;
  return [title, '', head, '-'.repeat(head.length), ...body, '', ...notes.map((note) => `  ${note}`)].join(
    '\n',
  );
}

function formatCell(cell: string | number): string {
  if (typeof cell === 'string') return cell;
  return cell >= 100 ? Math.round(cell).toLocaleString('en-US') : String(Math.round(cell * 100) / 100);
}

/** The value below which a share `p` of the samples lies. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}
