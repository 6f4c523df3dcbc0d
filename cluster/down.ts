/**
 * `gantry down`: ends a cluster and leaves nothing of it: processes, containers, mounts, cgroups,
 * namespaces, the context in the user's kubeconfig, and (unless kept) its data. Only what was recorded is
 * touched, and processes only if pid and start time still match.
 */
import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../api/meta/clock.ts';
import { removeContext } from '../client/kubeconfig-file.ts';
import { destroyNode, removeCgroup } from '../nodeagent/destroy.ts';
import { type ClusterHome, type ClusterRecord, readRecord } from './cluster-home.ts';
import { removeBridge, removeNamespace } from './network.ts';
import type { DownOptions, Output } from './options.ts';
import { clusterCgroup, nodeCgroup, nodeDirectory, nodeRunDirectory } from './parts.ts';
import { terminate } from './process-identity.ts';
import { Steps } from './steps.ts';
import { readParts } from './supervisor.ts';

const graceMs = 5000;

export interface DownContext {
  home: ClusterHome;
  clock: Clock;
  output: Output;
}

export async function down(
  { keepData = false }: DownOptions,
  { home, clock, output }: DownContext,
): Promise<number> {
  const record = await readRecord(home);
  if (!record) {
    output.out(`there is no cluster ${home.name} in ${home.directory}\n`);
    return 0;
  }
  const steps = new Steps(4, output, clock);
  await steps.run('end the parts', () => endParts(home, clock));
  await steps.run('remove containers', async () => {
    await Promise.all(
      record.nodes.map((node) =>
        destroyNode({
          rootDirectory: nodeDirectory(home, node),
          runDirectory: nodeRunDirectory(home, node),
          cgroupParent: nodeCgroup(home, node),
        }),
      ),
    );
    await removeCgroup(clusterCgroup(home));
  });
  await steps.run('remove the network', () => removeNetwork(record));
  await steps.run(keepData ? 'keep the data' : 'remove the data', async () => {
    if (record.kubeconfig) await removeContext(record.kubeconfig, `gantry-${home.name}`);
    await rm(home.runDirectory, { recursive: true, force: true });
    await removeIfEmpty(dirname(home.runDirectory));
    await rm(home.partsFile, { force: true });
    if (!keepData) await rm(home.directory, { recursive: true, force: true });
    return home.directory;
  });
  return 0;
}

/** The supervisor first, so that it starts nothing again; then the parts, last started first ended. */
async function endParts(home: ClusterHome, clock: Clock): Promise<string> {
  const { supervisor, parts } = await readParts(home);
  if (supervisor) await terminate(supervisor, graceMs, clock);
  const running = Object.entries((await readParts(home)).parts);
  const isAgent = ([name]: [string, unknown]): boolean => name.startsWith('node-');
  await Promise.all(running.filter(isAgent).map(([, part]) => terminate(part, graceMs, clock)));
  for (const [, part] of running.filter((entry) => !isAgent(entry)).reverse())
    await terminate(part, graceMs, clock);
  return `${Object.keys(parts).length} processes`;
}

/** Other clusters may have theirs in it. */
async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined);
}

async function removeNetwork({ nodes, bridge }: ClusterRecord): Promise<void> {
  for (const { networkNamespace } of nodes) if (networkNamespace) await removeNamespace(networkNamespace);
  if (bridge) await removeBridge(bridge);
}
