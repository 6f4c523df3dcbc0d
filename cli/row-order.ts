/** `--sort-by`: rows or objects ordered by the value at a JSONPath. */
import type { KubeObject } from '../api/meta/object-meta.ts';
import { UsageError } from './failure.ts';
import { evaluate, order } from './jsonpath.ts';
import { parsePath } from './jsonpath-parser.ts';

/** A stable sort; objects without the field come first. Throws UsageError for a bad path. */
export function sortRows<T extends { object: KubeObject }>(rows: readonly T[], sortBy: string): T[] {
  const path = parsePath(sortBy);
  const keyed = rows.map((row) => ({ row, value: evaluate(path, row.object)[0] }));
  if (rows.length > 0 && keyed.every(({ value }) => value === undefined))
    throw new UsageError(`--sort-by: no object has the field ${JSON.stringify(sortBy)}`);
  return keyed.sort((left, right) => order(left.value, right.value) || 0).map(({ row }) => row);
}
