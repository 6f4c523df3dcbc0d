/** `-o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName`: a table of JSONPaths. */
import { UsageError } from './failure.ts';
import { evaluate, valueText } from './jsonpath.ts';
import { type Path, parsePath } from './jsonpath-parser.ts';

export interface CustomColumn {
  header: string;
  path: Path;
}

/** Throws UsageError for a column without a path. */
export function parseCustomColumns(spec: string): CustomColumn[] {
  if (spec.trim() === '') throw new UsageError('custom-columns: want HEADER:PATH,…');
  return splitColumns(spec).map((column) => {
    const colon = column.indexOf(':');
    if (colon <= 0 || colon === column.length - 1) {
      throw new UsageError(`custom-columns: ${JSON.stringify(column)} is not HEADER:PATH`);
    }
    return { header: column.slice(0, colon), path: parsePath(column.slice(colon + 1)) };
  });
}

/** Commas inside brackets (filters, unions) belong to the path. */
function splitColumns(spec: string): string[] {
  const columns = [''];
  let depth = 0;
  for (const character of spec) {
    if (character === '[') depth++;
    if (character === ']') depth--;
    if (character === ',' && depth === 0) columns.push('');
    else columns[columns.length - 1] += character;
  }
  return columns;
}

/** Cells of one object; what is missing is `<none>`. */
export function customCells(columns: readonly CustomColumn[], object: unknown): string[] {
  return columns.map(({ path }) => {
    const values = evaluate(path, object).filter((value) => value !== undefined && value !== null);
    return values.length === 0 ? '<none>' : values.map(valueText).join(',');
  });
}
