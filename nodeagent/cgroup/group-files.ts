/**
 * Reading, writing and removing control group files: what both versions share. Counters are read synchronously: they
 * are the kernel's memory, not a disk, and waiting in line for a thread costs several times the reading.
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../../api/meta/clock.ts';

/** File name to value, in the order they must be written. */
export type GroupSettings = [file: string, value: string][];

const removalTries = 50;
const removalPauseMs = 20;

/** One number in a file; 0 when there is no such file. */
export function readNumber(path: string): number {
  return Number(readIfThere(path).trim()) || 0;
}

/** Some of the `name value` lines of a file such as memory.stat, which has dozens; absent ones are left out. */
export function readFields<N extends string>(path: string, names: readonly N[]): Partial<Record<N, number>> {
  const text = `\n${readIfThere(path)}`;
  const fields: Partial<Record<N, number>> = {};
  for (const name of names) {
    const at = text.indexOf(`\n${name} `);
    if (at >= 0) fields[name] = Number.parseInt(text.slice(at + name.length + 2, at + name.length + 24), 10);
  }
  return fields;
}

export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Rejects with the kernel's own error (EBUSY: more is in use) at the first value it does not take. */
export async function writeSettings(
  settings: GroupSettings,
  directoryOf: (file: string) => string,
): Promise<void> {
  for (const [file, value] of settings) await writeFile(join(directoryOf(file), file), value);
}

/** The directory and all below it, deepest first: the order in which groups can be removed. */
export async function groupTree(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return [];
  const children = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name));
  return [...(await Promise.all(children.map(groupTree))).flat(), directory];
}

export async function processesIn(directory: string): Promise<number[]> {
  const lists = await Promise.all(
    (await groupTree(directory)).map((group) =>
      readFile(join(group, 'cgroup.procs'), 'utf8').catch(() => ''),
    ),
  );
  return lists.flatMap((text) => text.split('\n').filter(Boolean).map(Number));
}

/** Kills until nobody is left: a group may fork faster than one round sees. */
export async function killProcesses(directory: string, clock: Clock): Promise<void> {
  for (let pids = await processesIn(directory); pids.length > 0; pids = await processesIn(directory)) {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone since the list was read.
      }
    }
    await sleep(clock, removalPauseMs);
  }
}

/** Leaves it where it is when something is in it, or it is not there. */
export async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined);
}

/** rmdir is refused for a moment after the last process of a group died. */
export async function removeTree(directory: string, clock: Clock): Promise<void> {
  for (const group of await groupTree(directory)) {
    for (let left = removalTries; left > 0; left--) {
      const problem = await rmdir(group).then(
        () => undefined,
        (error: NodeJS.ErrnoException) => error,
      );
      if (!problem || problem.code === 'ENOENT') break;
      if (left === 1) throw problem;
      await sleep(clock, removalPauseMs);
    }
  }
}
