/**
 * Comma-separated values with a header line, as public traces come: text in, one record per line out.
 * Quoted fields may contain commas and doubled quotes, but no line breaks.
 */
import { ApiError } from '../../api/meta/api-error.ts';

export type CsvRecord = Readonly<Record<string, string>>;

/** Throws ApiError BadRequest when a line has more fields than the header, or a `required` column is missing. */
export function parseCsv(text: string, name: string, required: readonly string[] = []): CsvRecord[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const columns = fieldsOf(lines[0] ?? '').map((column) => column.trim());
  const missing = required.find((column) => !columns.includes(column));
  if (missing !== undefined) throw new ApiError('BadRequest', `${name}:1: has no column "${missing}"`);
  return lines.slice(1).flatMap((line, index) => {
    if (line.trim() === '') return [];
    const fields = fieldsOf(line);
    if (fields.length > columns.length) {
      const problem = `has ${fields.length} fields, the header has ${columns.length}`;
      throw new ApiError('BadRequest', `${name}:${index + 2}: ${problem}`);
    }
    return [Object.fromEntries(columns.map((column, at) => [column, fields[at] ?? '']))];
  });
}

/** A whole number that is not negative; throws ApiError BadRequest saying where it stands. */
export function countOf(record: CsvRecord, column: string, place: string): number {
  const number = Number(record[column]);
  if (record[column]?.trim() === '' || !Number.isSafeInteger(number) || number < 0) {
    const found = JSON.stringify(record[column] ?? '');
    throw new ApiError('BadRequest', `${place}: ${column}: ${found} is not a whole number of at least 0`);
  }
  return number;
}

function fieldsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)];
  return fields.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}
