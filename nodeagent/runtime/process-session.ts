/**
 * All processes of one session (setsid): a command and what it started, unless that has left on purpose.
 * Sessions are only ever signalled by the pid of their leader and its start time.
 */
import { readdir, readFile } from 'node:fs/promises';
import { isRunning, type ProcessId } from './process-id.ts';

/** Kills the leader and everything in its session; nothing when the leader is not who it was. */
export async function killSession(leader: ProcessId): Promise<void> {
  if (!isRunning(leader)) return;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const sessions = await Promise.all(pids.map(sessionOf));
  pids.filter((_pid, at) => sessions[at] === leader.pid).forEach(kill);
}

async function sessionOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // After the name, which may hold anything: state, parent, group, session.
  const field = text.slice(text.lastIndexOf(')') + 2).split(' ')[3];
  return field === undefined ? undefined : Number(field);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
