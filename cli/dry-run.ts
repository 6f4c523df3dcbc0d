/** `--dry-run` and `--validate`: flags of all commands that write. */
import type { WriteParameters } from '../client/client.ts';
import { UsageError } from './failure.ts';

/** `client`: nothing is sent. `server`: the server checks and answers, but stores nothing. */
export type DryRun = 'none' | 'client' | 'server';

export interface WriteOptions {
  /** true: the flag stood alone. */
  dryRun?: string | boolean;
  validate?: string | boolean;
}

export function parseDryRun(value: string | boolean | undefined): DryRun {
  if (value === undefined || value === false || value === 'none') return 'none';
  if (value === 'client' || value === 'server') return value;
  throw new UsageError('--dry-run: want client (send nothing) or server (check, but store nothing)');
}

export function dryRunSuffix(dryRun: DryRun): string {
  if (dryRun === 'none') return '';
  return dryRun === 'client' ? ' (dry run)' : ' (server dry run)';
}

export function writeParameters(options: WriteOptions, fieldManager: string): WriteParameters {
  return {
    fieldManager,
    fieldValidation: parseValidate(options.validate),
    ...(parseDryRun(options.dryRun) === 'server' ? { dryRun: true } : {}),
  };
}

function parseValidate(value: string | boolean | undefined): 'Strict' | 'Warn' | 'Ignore' {
  if (value === undefined || value === true || value === 'strict' || value === 'true') return 'Strict';
  if (value === 'warn') return 'Warn';
  if (value === false || value === 'ignore' || value === 'false') return 'Ignore';
  throw new UsageError('--validate: want strict, warn or ignore');
}
