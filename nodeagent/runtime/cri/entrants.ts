/**
 * Who came into a container from outside: its first process, and that of each command run beside it. An engine does
 * not tell which process its command is, and lets it go on when nobody listens any more; here it is found again.
 */
import { readFile } from 'node:fs/promises';
import { type Clock, sleep } from '../../../api/meta/clock.ts';
import { processesIn } from '../../cgroup/group-files.ts';
import type { Command } from '../command.ts';
import { identify, type ProcessId } from '../process-id.ts';
import { killSession } from '../process-session.ts';

const pollMs = 20;
/** The runtime, on its way in. */
const beforeItBegins = 'runc\0init\0';
const patienceMs = 5000;

/** `group`: the directory of the container's control group. Their parents are not in it. */
export async function entrants(group: string): Promise<number[]> {
  const pids = await processesIn(group);
  const parents = await Promise.all(pids.map(parentOf));
  return pids.filter((_pid, at) => !pids.includes(parents[at] ?? 0));
}

export interface Expected {
  group: string;
  /** Who was there already. */
  known: readonly number[];
  /** What it runs: so that another one's command, begun at the same moment, is not taken for it. */
  command: readonly string[];
  /** It is over, or never was. */
  over: AbortSignal;
  clock: Clock;
}

/** The one who comes in; undefined when nobody does. */
export async function newEntrant({
  group,
  known,
  command,
  over,
  clock,
}: Expected): Promise<ProcessId | undefined> {
  // A path may have been found for the first word, an interpreter for the file.
  const words = command
    .slice(1)
    .map((word) => `${word}\0`)
    .join('');
  const deadlineMs = clock.monotonicMs() + patienceMs;
  while (!over.aborted && clock.monotonicMs() < deadlineMs) {
    for (const pid of await entrants(group)) {
      if (known.includes(pid)) continue;
      const identity = identify(pid);
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (line.endsWith(words) && !line.startsWith(beforeItBegins)) return identity;
    }
    await sleep(clock, pollMs);
  }
  return undefined;
}

/** Ends a command and what it started. */
export async function endSession(leader: ProcessId | undefined): Promise<void> {
  if (leader) await killSession(leader);
}

/** The command, whose process goes when the one it runs for does. */
export function endingWith(command: Command, process: Promise<ProcessId | undefined>): Command {
  const { stdin, stdout, stderr, exited } = command;
  const kill = async (): Promise<void> => {
    await endSession(await process);
    await command.kill();
  };
  return { stdin, stdout, stderr, exited, resize: (size) => command.resize(size), kill };
}

async function parentOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // After the name, which may hold anything: state, parent.
  const field = text.slice(text.lastIndexOf(')') + 2).split(' ')[1];
  return field === undefined ? undefined : Number(field);
}
