/** How much of the node's disk directories take, and how many files: one `du` for all of them. */
import { tryCommand } from '../command.ts';

export interface DiskUsage {
  usedBytes: number;
  inodes: number;
}

/**
 * By directory; those that are not there are left out. Other file systems mounted below one are not counted,
 * and a file that several of them hold is counted once: for the first of them.
 */
export async function diskUsage(directories: readonly string[]): Promise<Map<string, DiskUsage>> {
  if (directories.length === 0) return new Map();
  const [bytes, inodes] = await Promise.all([
    measure(['--block-size=1'], directories),
    measure(['--inodes'], directories),
  ]);
  return new Map([...bytes].map(([path, usedBytes]) => [path, { usedBytes, inodes: inodes.get(path) ?? 0 }]));
}

async function measure(flags: string[], directories: readonly string[]): Promise<Map<string, number>> {
  const { stdout } = await tryCommand('du', [
    '-s',
    '-x',
    '--dereference-args',
    ...flags,
    '--',
    ...directories,
  ]);
  return new Map(
    [...stdout.matchAll(/^(\d+)\t(.*)$/gm)].map(([, amount, path = '']) => [path, Number(amount)]),
  );
}
