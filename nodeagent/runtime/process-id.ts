/** Processes told apart for certain: a pid alone may be somebody else's by now, pid and start time may not. */
import { readFile } from 'node:fs/promises';

export interface ProcessId {
  pid: number;
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot; absent where there is no /proc. */
  startTicks?: string;
}

export async function identify(pid: number): Promise<ProcessId> {
  const startTicks = await startTicksOf(pid);
  return { pid, ...(startTicks === undefined ? {} : { startTicks }) };
}

/** True while this very process lives; a zombie does not. */
export async function isRunning({ pid, startTicks }: ProcessId): Promise<boolean> {
  if (startTicks !== undefined) return (await startTicksOf(pid)) === startTicks;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function startTicksOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name, in parentheses, may hold anything: fields are counted from its end.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}
