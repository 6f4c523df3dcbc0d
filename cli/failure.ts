/**
 * How a command says that it failed: one clear line per problem on standard error, and an exit code
 * (1 the command failed, 2 it was called the wrong way).
 */
import { ApiError, type Cause } from '../api/meta/api-error.ts';
import { type Output, printable } from './output.ts';

/** The command line itself makes no sense. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** Prints `error: …`, its causes one per line, and gives the exit code. */
export function reportFailure(error: unknown, io: Output): number {
  io.err(printable(`error: ${failureText(error)}\n`, { isTerminal: io.isTerminal }));
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}

export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes = error instanceof ApiError ? (error.details.causes ?? []) : [];
  if (causes.length === 0)
    return isRefused(error.cause) ? `${error.message}; is the cluster up?` : error.message;
  const { kind, name } = (error as ApiError).details;
  // The message of an Invalid repeats every cause in one long line; said one by one they can be read.
  const head = kind && name ? `${kind} "${name}" is not valid` : firstLine(error.message);
  return [head, ...causes.map(causeLine)].join('\n');
}

/** Nobody listens at the server's port. */
function isRefused(cause: unknown): boolean {
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED';
}

function causeLine({ field, message }: Cause): string {
  return `  ${field ? `${field}: ` : ''}${message}`;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** Does `act` for each item in order; a failure is told and the rest go on. The exit code says whether any failed. */
export async function eachReported<T>(
  io: Output,
  items: Iterable<T>,
  act: (item: T) => Promise<void>,
): Promise<number> {
  let code: number = exitCodes.ok;
  for (const item of items) {
    try {
      await act(item);
    } catch (error) {
      code = reportFailure(error, io);
    }
  }
  return code;
}
