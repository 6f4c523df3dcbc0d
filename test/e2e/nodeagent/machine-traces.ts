/** What containers leave on a machine: mounts, groups, processes. Empty after every deletion. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../../../api/meta/clock.ts';

/** Every mount, control group and command line with `marker` in it. */
export function tracesOf(marker: string): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return [...mounts, ...groups('/sys/fs/cgroup', 3), ...commandLines()].filter((line) =>
    line.includes(marker),
  );
}

export async function eventually<T>(what: string, probe: () => Promise<T | false> | T | false): Promise<T> {
  const deadlineMs = systemClock.monotonicMs() + 15_000;
  for (;;) {
    const found = await probe();
    if (found !== false) return found;
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`waited too long: ${what}`);
    await sleep(systemClock, 50);
  }
}

function groups(directory: string, depth: number): string[] {
  if (depth === 0) return [];
  const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return children.flatMap(({ name }) => [join(directory, name), ...groups(join(directory, name), depth - 1)]);
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    });
}
