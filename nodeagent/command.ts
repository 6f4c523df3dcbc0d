/**
 * Runs the system's tools (runc, mount, umoci, …): argument arrays, never a shell, and an environment of
 * our own so that nothing in the agent's leaks into them.
 */
import { execa } from 'execa';
import { ApiError } from '../api/meta/api-error.ts';

export const toolEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

export interface CommandOutcome {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  input?: string;
  timeoutMs?: number;
  /** Instead of `toolEnvironment`. */
  env?: Readonly<Record<string, string>>;
}

/** Runs to the end and never throws for an exit code; a missing tool has exit code undefined. */
export async function tryCommand(
  command: string,
  args: readonly string[],
  { cwd, input, timeoutMs = 60_000, env = toolEnvironment }: CommandOptions = {},
): Promise<CommandOutcome> {
  const { exitCode, stdout, stderr, shortMessage, failed } = await execa(command, args, {
    env,
    extendEnv: false,
    reject: false,
    timeout: timeoutMs,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  return { exitCode, stdout, stderr: failed && stderr === '' ? (shortMessage ?? '') : stderr };
}

/** Gives the output; throws ApiError InternalError with what the tool said when it fails. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(command, args, options);
  if (exitCode === 0) return stdout;
  throw new ApiError('InternalError', `${command} ${args[0] ?? ''}: ${stderr.trim() || `exit ${exitCode}`}`);
}
