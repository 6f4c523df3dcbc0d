/**
 * Where logs lie: `<log dir>/<task uid>/<container>/<start>.log`, rotated to `.log.1` (newest) … `.log.4`.
 * Paths are made from uids and validated names only.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface LogPaths {
  current(start: number): string;
  /** All files of starts before `start`. */
  olderThan(start: number): Promise<string[]>;
  /** The files of one start, oldest first. */
  of(start: number): Promise<string[]>;
  /** Numbers of the starts that have a log, newest first. */
  starts(): Promise<number[]>;
}

export function logPaths(logDirectory: string, uid: string, container: string): LogPaths {
  const directory = join(logDirectory, uid, container);
  const files = async (): Promise<{ start: number; age: number; path: string }[]> => {
    const names = await readdir(directory).catch(() => []);
    return names.flatMap((name) => {
      const [, start, age = '0'] = /^(\d+)\.log(?:\.(\d+))?$/.exec(name) ?? [];
      return start === undefined
        ? []
        : [{ start: Number(start), age: Number(age), path: join(directory, name) }];
    });
  };
  return {
    current: (start) => join(directory, `${start}.log`),
    olderThan: async (limit) => (await files()).filter(({ start }) => start < limit).map(({ path }) => path),
    of: async (wanted) =>
      (await files())
        .filter(({ start }) => start === wanted)
        .sort((a, b) => b.age - a.age)
        .map(({ path }) => path),
    starts: async () => [...new Set((await files()).map(({ start }) => start))].sort((a, b) => b - a),
  };
}
