/** What the tasks of one node of a local cluster have on the machine, in every place where something could be left. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { LocalCluster } from './local-cluster.ts';

/** One line per mount, control group, process, network namespace, address, and file. Empty when no task has anything. */
export function nodeTraces(cluster: LocalCluster, node: string): string[] {
  const directory = join(cluster.directory, 'nodes', node);
  const run = join(cluster.runDirectory, node);
  const group = `/gantry/${cluster.machineName}/${node}`;
  return [
    ...mountsBelow(directory, run),
    ...groupsBelow(group),
    ...processesOf(group, run),
    ...['tasks', 'volumes', 'c', 'logs'].flatMap((name) => filesIn(join(directory, name))),
    ...['netns', 'runc', 'exits', 's', 'c', 'x', 'fence/tasks'].flatMap((name) => filesIn(join(run, name))),
    ...filesIn(join(run, 'cni/gantry')).filter((file) => /\/\d[\d.]*$/.test(file)),
  ].map((line) => line.replaceAll(cluster.directory, '…'));
}

function mountsBelow(...directories: string[]): string[] {
  const targets = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return targets
    .filter((target) => directories.some((directory) => target.startsWith(`${directory}/`)))
    .map((target) => `mount ${target}`);
}

/** Of every hierarchy: those of tasks, and of their containers. */
function groupsBelow(group: string): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...subdirectories(root).map((name) => join(root, name))];
  return hierarchies.flatMap((hierarchy) =>
    subdirectories(join(hierarchy, group)).map(
      (name) => `group ${relative(root, join(hierarchy, group, name))}`,
    ),
  );
}

/** In the groups of tasks, or started with files of the node: supervisors, plugins, commands; not the agent itself. */
function processesOf(group: string, run: string): string[] {
  return subdirectories('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    const command = readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
    if (command.includes('nodeagent/main.js') || command.includes('gantry-guard')) return [];
    const isTasks = readIfThere(`/proc/${pid}/cgroup`).includes(`${group}/`) || command.includes(`${run}/`);
    return isTasks ? [`process ${pid} ${command}`] : [];
  });
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => `file ${join(directory, name)}`);
  } catch {
    return [];
  }
}

function subdirectories(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? entry.name : [],
    );
  } catch {
    return [];
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
