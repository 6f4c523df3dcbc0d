/**
 * A process by pid AND start time: a pid alone may by now be somebody else's. Nothing here is ever
 * signalled by name, or without its start time being checked first.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Clock, sleep } from '../api/meta/clock.ts';

export interface ProcessIdentity {
  pid: number;
  /** Opaque; equal for the same process only. */
  startTime: string;
}

/** Undefined when no live process has this pid (a zombie is not alive). */
export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

function linuxStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command name is in parentheses and may hold spaces; fields are counted after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function psStartTime(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

/** True when the signal was sent. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, name);
  } catch {
    return false;
  }
}

/** TERM, then KILL after `graceMs`; resolves when it is gone. */
export async function terminate(identity: ProcessIdentity, graceMs: number, clock: Clock): Promise<void> {
  signal(identity, 'SIGTERM');
  if (await waitUntilGone(identity, graceMs, clock)) return;
  signal(identity, 'SIGKILL');
  await waitUntilGone(identity, 5000, clock);
}

async function waitUntilGone(identity: ProcessIdentity, timeoutMs: number, clock: Clock): Promise<boolean> {
  const deadline = clock.monotonicMs() + timeoutMs;
  while (isAlive(identity)) {
    if (clock.monotonicMs() > deadline) return false;
    await sleep(clock, 20);
  }
  return true;
}
