/**
 * All processes of one session (setsid): a command and what it started, unless that has left on purpose.
 * Sessions are only ever signalled by the pid of their leader and its start time.
 */
import { readdir, readFile } from 'node:fs/promises';
import { isRunning, type ProcessId } from './process-id.ts';

/** One that is killed may have started another since it was listed; one in the kernel's hands dies when it may. */
const maxRounds = 10;

/** Kills the leader and everything in its session; nothing when the leader is not who it was. */
export async function killSession(leader: ProcessId): Promise<void> {
  if (!isRunning(leader)) return;
  for (let round = 0; round < maxRounds; round++) {
    const members = await membersOf(leader.pid);
    if (members.length === 0) return;
    members.forEach(kill);
  }
}

/** Those that live. The number of a session is not used again while anybody is in it. */
async function membersOf(session: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const sessions = await Promise.all(pids.map(sessionOf));
  return pids.filter((_pid, at) => sessions[at] === session);
}

async function sessionOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // After the name, which may hold anything: state, parent, group, session.
  const [state, , , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return session === undefined || state === 'Z' ? undefined : Number(session);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
