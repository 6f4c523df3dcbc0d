/** Where the traces for tests are, if they are: GANTRY_DATA, or ../shared/data beside the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const directory = join(
  process.env['GANTRY_DATA'] ?? resolve(import.meta.dirname, '../../../../shared/data'),
  'openb',
);

/** Tests that need the traces are skipped without them. */
export const hasOpenb = existsSync(directory);

export function readOpenb(file: string): string {
  return readFileSync(join(directory, file), 'utf8');
}
