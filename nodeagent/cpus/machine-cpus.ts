/** The logical cpus of this machine that are in use, by number, and the physical core each is a thread of. */
import { readFile } from 'node:fs/promises';
import { parseCpuList } from './cpu-list.ts';

export async function machineCpus(
  directory = '/sys/devices/system/cpu',
): Promise<ReadonlyMap<number, string>> {
  const cpus = parseCpuList(await readFile(`${directory}/online`, 'utf8'));
  const siblings = (cpu: number): Promise<string> =>
    readFile(`${directory}/cpu${cpu}/topology/thread_siblings_list`, 'utf8').then(
      (text) => text.trim(),
      () => `${cpu}`,
    );
  return new Map(await Promise.all(cpus.map(async (cpu) => [cpu, await siblings(cpu)] as const)));
}
