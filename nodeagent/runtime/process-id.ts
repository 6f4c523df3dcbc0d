/** Processes told apart for certain: a pid alone may be somebody else's by now, pid and start time may not. */
import { readFileSync } from 'node:fs';

export interface ProcessId {
  pid: number;
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot; absent where there is no /proc. */
  startTicks?: string;
}

export function identify(pid: number): ProcessId {
  const startTicks = startTicksOf(pid);
  return { pid, ...(startTicks === undefined ? {} : { startTicks }) };
}

/** True while this very process lives; a zombie does not. */
export function isRunning({ pid, startTicks }: ProcessId): boolean {
  if (startTicks !== undefined) return startTicksOf(pid) === startTicks;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Synchronous: it is the kernel's memory, and waiting in line for a thread costs several times the reading. */
function startTicksOf(pid: number): string | undefined {
  const text = readStat(pid);
  // The name, in parentheses, may hold anything: fields are counted from its end.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? undefined : fields[19];
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}
