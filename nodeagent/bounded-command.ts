/**
 * Runs commands whose output belongs to somebody else, a task: only its beginning is kept, and the command
 * can be ended at any time.
 */
import { type SpawnOptions, spawn } from 'node:child_process';

export interface BoundedOutcome {
  /** Undefined when the command could not be run, or was ended. */
  exitCode: number | undefined;
  /** The beginning of both its outputs. */
  output: string;
}

export interface BoundedOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'detached'> {
  signal: AbortSignal;
  maxBytes: number;
  /** Ends the command; by default its process is killed. */
  kill?: (pid: number) => Promise<void> | void;
}

export function boundedCommand(
  command: string,
  args: readonly string[],
  { signal, maxBytes, kill, ...options }: BoundedOptions,
): Promise<BoundedOutcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      if (bytes < maxBytes) chunks.push(chunk.subarray(0, maxBytes - bytes));
      bytes += chunk.length;
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    const end = async (): Promise<void> => {
      if (child.pid !== undefined) await kill?.(child.pid);
      child.kill('SIGKILL');
    };
    const finish = (exitCode: number | undefined, problem = ''): void => {
      signal.removeEventListener('abort', onAbort);
      // What it has started may hold the pipes open for as long as it likes.
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ exitCode, output: Buffer.concat(chunks).toString() || problem });
    };
    const onAbort = (): void => {
      child.once('exit', () => finish(undefined));
      void end();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('error', (error) => finish(undefined, error.message));
    child.once('close', (code) => finish(code ?? undefined));
    if (signal.aborted) onAbort();
  });
}
