/**
 * Descriptions as text: `Key:   value` lines, nested by two spaces, values of one level in one column.
 * The describers say what; this says where it stands.
 */
import { humanDuration } from '../age.ts';

/** A line, or a heading with lines under it. `rows` is a table. */
export type Entry =
  | { key: string; value: string | readonly string[] }
  | { key: string; entries: readonly Entry[] }
  | { key: string; rows: readonly (readonly string[])[] };

/** A line; undefined values give no line. */
export function line(key: string, value: string | number | boolean | undefined | null): Entry[] {
  return value === undefined || value === null ? [] : [{ key, value: String(value) }];
}

/** A heading with what stands under it; `<none>` when that is nothing. */
export function section(key: string, entries: readonly Entry[]): Entry[] {
  return entries.length === 0 ? [{ key, value: '<none>' }] : [{ key, entries }];
}

/** Like `section`, left out when empty. */
export function optionalSection(key: string, entries: readonly Entry[]): Entry[] {
  return entries.length === 0 ? [] : [{ key, entries }];
}

/** The pairs of a map under one heading, one per line: labels, annotations. */
export function pairs(key: string, map: Readonly<Record<string, string>> = {}): Entry[] {
  const lines = Object.entries(map).map(([name, value]) => `${name}=${value}`);
  return [{ key, value: lines.length === 0 ? '<none>' : lines.sort() }];
}

/** `2024-01-01T00:00:00Z (5m ago)`. */
export function moment(timestamp: string | undefined | null, nowMs: number): string | undefined {
  if (!timestamp) return undefined;
  return `${timestamp} (${humanDuration(nowMs - Date.parse(timestamp))} ago)`;
}

export function formatOutline(entries: readonly Entry[], depth = 0): string {
  const indent = '  '.repeat(depth);
  const width = Math.max(0, ...entries.map((entry) => ('value' in entry ? entry.key.length : 0)));
  return entries.map((entry) => formatEntry(entry, { indent, width, depth })).join('');
}

interface Place {
  indent: string;
  width: number;
  depth: number;
}

function formatEntry(entry: Entry, { indent, width, depth }: Place): string {
  if ('entries' in entry) return `${indent}${entry.key}:\n${formatOutline(entry.entries, depth + 1)}`;
  if ('rows' in entry) return `${indent}${entry.key}:\n${formatRows(entry.rows, depth + 1)}`;
  const values = (typeof entry.value === 'string' ? [entry.value] : entry.value).flatMap((value) =>
    value.split('\n'),
  );
  const [first = '', ...more] = values;
  const hanging = ' '.repeat(indent.length + width + 4);
  const head = `${indent}${`${entry.key}:`.padEnd(width + 4)}${first}`.trimEnd();
  return [head, ...more.map((value) => hanging + value)].map((text) => `${text}\n`).join('');
}

function formatRows(rows: readonly (readonly string[])[], depth: number): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  const indent = '  '.repeat(depth);
  return rows
    .map((row) =>
      `${indent}${row.map((cell, column) => cell.padEnd((widths[column] ?? 0) + 2)).join('')}`.trimEnd(),
    )
    .map((text) => `${text}\n`)
    .join('');
}
