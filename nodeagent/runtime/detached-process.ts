/** A process that outlives the agent: in a session of its own, nobody waits for it. */
import { type StdioOptions, spawn } from 'node:child_process';
import { toolEnvironment } from '../command.ts';
import { identify, type ProcessId } from './process-id.ts';

export interface DetachedOptions {
  stdio: StdioOptions;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Rejects when the command cannot be started. */
export async function startDetached(
  command: string,
  args: readonly string[],
  { stdio, cwd = '/', env = toolEnvironment }: DetachedOptions,
): Promise<ProcessId> {
  const child = spawn(command, args, { detached: true, stdio, cwd, env });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid as number));
    child.once('error', reject);
  });
  child.unref();
  return identify(pid);
}
