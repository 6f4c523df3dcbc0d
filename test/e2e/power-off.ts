/** Pulls the plug of one node: its supervisor lets go of it, then agent, shims and containers die at once. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, systemClock } from '../../api/meta/clock.ts';
import { writeJson } from '../../cluster/cluster-home.ts';
import { signal } from '../../cluster/process-identity.ts';
import { eventually, type LocalCluster } from './local-cluster.ts';

export async function powerOffNode(cluster: LocalCluster, node: string): Promise<void> {
  const { record, parts } = cluster;
  await writeJson(join(cluster.directory, 'cluster.json'), {
    ...record,
    nodes: record.nodes.filter(({ name }) => name !== node),
  });
  if (parts.supervisor) signal(parts.supervisor, 'SIGHUP');
  const agent = parts.parts[`node-${node}`];
  await eventually(`the agent of ${node} stays dead`, async () => {
    const running = cluster.parts.parts[`node-${node}`] ?? agent;
    if (running) signal(running, 'SIGKILL');
    for (const pid of processesOf(cluster, node)) process.kill(pid, 'SIGKILL');
    await sleep(systemClock, 300);
    return processesOf(cluster, node).length === 0;
  });
  // `down` still has to clean up after the node.
  await writeJson(join(cluster.directory, 'cluster.json'), record);
}

/** Every process in the node's network namespace. */
function processesOf(cluster: LocalCluster, node: string): number[] {
  const marker = `/gantry/${cluster.machineName}/${node}`;
  const runDirectory = `${cluster.runDirectory}/${node}/`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const cgroups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return (
          cgroups.includes(`${marker}/`) ||
          command.includes(runDirectory) ||
          command.includes(`--cgroup-parent ${marker} `)
        );
      } catch {
        return false;
      }
    });
}
