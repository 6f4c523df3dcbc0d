/** The guard's script, on processes of the test's own: a file named cgroup.procs is all it needs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import { endGuard, ensureGuard } from '../../../nodeagent/fence/guard.ts';
import { isRunning, type ProcessId } from '../../../nodeagent/runtime/process-id.ts';

let directory: string;
let task: ChildProcess;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-guard-'));
  mkdirSync(join(directory, 'tasks'));
  mkdirSync(join(directory, 'group', 'container'), { recursive: true });
  task = spawn('sleep', ['1000']);
  writeFileSync(join(directory, 'group', 'container', 'cgroup.procs'), `${task.pid}\n`);
  writeFileSync(join(directory, 'tasks', 'uid-1'), `${join(directory, 'group')}\n`);
});
afterEach(async () => {
  task.kill('SIGKILL');
  await endGuard(directory);
  rmSync(directory, { recursive: true });
});

const guard = (): ProcessId => JSON.parse(readFileSync(join(directory, 'guard.json'), 'utf8'));
const uptime = (): number => Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));

/** Which signal ended it; it may have ended already. */
async function endOf(child: ChildProcess): Promise<NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.signalCode;
}

test('a listed task is killed when the deadline has passed, and not before', async () => {
  const deadline = Math.floor(uptime()) + 3;
  writeFileSync(join(directory, 'deadline'), `${deadline} boot now\n`);
  await ensureGuard(directory);
  expect(await endOf(task)).toBe('SIGKILL');
  expect(uptime()).toBeGreaterThanOrEqual(deadline);
});

test.each([
  ['absent', undefined],
  ['garbage', 'soon\n'],
  ['empty', ''],
])('a deadline that is %s has passed', async (_what, text) => {
  if (text !== undefined) writeFileSync(join(directory, 'deadline'), text);
  await ensureGuard(directory);
  expect(await endOf(task)).toBe('SIGKILL');
});

test('there is one, found again by who starts it next, and it ends when nothing is listed', async () => {
  writeFileSync(join(directory, 'deadline'), `${Math.floor(uptime()) + 1000} boot now\n`);
  await ensureGuard(directory);
  const first = guard();
  await ensureGuard(directory);
  expect(guard()).toEqual(first);
  rmSync(join(directory, 'tasks', 'uid-1'));
  while (await isRunning(first)) await sleep(systemClock, 50);
  expect(task.exitCode).toBeNull();
});
