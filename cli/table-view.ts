/** Which columns of a server's table are shown, and the text of each cell. */
import { age } from './age.ts';
import { valueText } from './jsonpath.ts';
import { type Output, printable } from './output.ts';
import { header } from './table.ts';
import type { TableColumn, TableRow } from './table-source.ts';

export interface ViewOptions {
  wide: boolean;
  /** A NAMESPACE column in front: `-A`. */
  namespaceColumn: boolean;
  /** `job/` before each name: several types in one command. */
  namePrefix?: string;
  /** Keys of `-L`, each a column. */
  labelColumns?: readonly string[];
  showLabels?: boolean;
  nowMs: number;
}

/** The header of the shown columns. */
export function headerCells(columns: readonly TableColumn[], options: ViewOptions): string[] {
  const shown = columns.filter((column) => isShown(column, options)).map(({ name }) => name);
  const labels = (options.labelColumns ?? []).map((key) => key.split('/').at(-1) ?? key);
  return header([
    ...(options.namespaceColumn ? ['Namespace'] : []),
    ...shown,
    ...labels,
    ...(options.showLabels ? ['Labels'] : []),
  ]);
}

/** The cells of one object under that header. */
export function rowCells(
  columns: readonly TableColumn[],
  { cells, object }: TableRow,
  { io, ...options }: ViewOptions & { io: Output },
): string[] {
  const labels = object.metadata.labels ?? {};
  const shown = columns.flatMap((column, index) =>
    isShown(column, options) ? [cellText(column, cells[index], options)] : [],
  );
  const row = [
    ...(options.namespaceColumn ? [object.metadata.namespace ?? ''] : []),
    ...shown,
    ...(options.labelColumns ?? []).map((key) => labels[key] ?? ''),
    ...(options.showLabels ? [labelText(labels)] : []),
  ];
  return row.map((cell) => printable(oneLine(cell), io));
}

function isShown({ priority = 0 }: TableColumn, { wide }: ViewOptions): boolean {
  return wide || priority === 0;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;

function cellText(column: TableColumn, cell: unknown, { nowMs, namePrefix = '' }: ViewOptions): string {
  if (cell === null || cell === undefined) return '<none>';
  const text = valueText(cell);
  if (column.format === 'name') return namePrefix + text;
  return column.type === 'date' && rfc3339.test(text) ? age(text, nowMs) : text;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}

/** A message may have line feeds; a row may not. */
function oneLine(text: string): string {
  return text.includes('\n') ? text.trim().replace(/\s*\n\s*/g, ' ') : text;
}
