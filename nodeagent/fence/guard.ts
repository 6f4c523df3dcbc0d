/**
 * The guard: a small shell process beside the agent that outlives it, and ends the tasks that may run at most
 * once when the deadline passes, whether the agent is cut off, frozen or dead (contract R4).
 *
 *   DIR/deadline    first word: seconds since boot; unreadable counts as passed
 *   DIR/tasks/<uid> the control group directory of one task
 *
 * Invariant: one per node, found again by pid and start time; it ends by itself when no task is listed.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startDetached } from '../runtime/detached-process.ts';
import { isRunning, type ProcessId } from '../runtime/process-id.ts';

/** POSIX, for busybox as for dash. A group may fork faster than one round sees: it goes on until renewal. */
const script = `
cd "$1" || exit 1
isEmpty() { [ -z "$(ls tasks)" ]; }
while :; do
  # What was listed before the record goes is seen here; what is listed after it starts another guard.
  if isEmpty; then rm -f guard.json; isEmpty && exit; fi
  deadline=0
  read -r deadline rest <deadline
  case $deadline in ''|*[!0-9]*) deadline=0 ;; esac
  read -r now rest </proc/uptime
  if [ "\${now%%.*}" -ge "$deadline" ]; then
    for task in tasks/*; do
      read -r group <"$task" || continue
      find "$group" -name cgroup.procs -exec cat {} + | while read -r pid; do kill -9 "$pid"; done
    done
  fi
  sleep 1
done 2>/dev/null`;

/** Starts one unless it runs. */
export async function ensureGuard(directory: string): Promise<void> {
  const known = await knownGuard(directory);
  if (known && (await isRunning(known))) return;
  const guard = await startDetached('/bin/sh', ['-c', script, 'gantry-guard', directory], {
    stdio: 'ignore',
  });
  const draft = join(directory, 'guard.part');
  await writeFile(draft, JSON.stringify(guard));
  await rename(draft, join(directory, 'guard.json'));
}

/** For the end of a node, when nothing is left to guard. */
export async function endGuard(directory: string): Promise<void> {
  const known = await knownGuard(directory);
  if (known && (await isRunning(known))) process.kill(known.pid, 'SIGKILL');
}

async function knownGuard(directory: string): Promise<ProcessId | undefined> {
  const text = await readFile(join(directory, 'guard.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ProcessId);
}
