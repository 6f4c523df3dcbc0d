/**
 * The end of a node: every container, mount and cgroup its agent has left, removed. The agent must have
 * ended before. Repeatable.
 */
import { dirname } from 'node:path';
import { silentLogger } from '../api/meta/logger.ts';
import { detectCgroups } from './cgroup/cgroups.ts';
import { fenceDirectory } from './fence/fence.ts';
import { endGuard } from './fence/guard.ts';
import { unmountTaskNetworks } from './network/task-networks.ts';
import { knownContainerd } from './runtime/cri/containerd-files.ts';
import { OciRuntime } from './runtime/oci/oci-runtime.ts';
import type { Runtime } from './runtime/runtime.ts';
import { UnconfinedRuntime } from './runtime/unconfined/unconfined-runtime.ts';
import { removeStrayDirectories, volumeDirectoryIn } from './volumes/task-directory.ts';

export interface NodeRemains {
  rootDirectory: string;
  runDirectory: string;
  /** `/gantry/<cluster>/<node>`. */
  cgroupParent: string;
}

export async function destroyNode({ rootDirectory, runDirectory, cgroupParent }: NodeRemains): Promise<void> {
  const options = { rootDirectory, runDirectory, logger: silentLogger };
  await destroyEngine({ rootDirectory, runDirectory });
  for (const runtime of [new OciRuntime(options), new UnconfinedRuntime(options)]) await deleteAll(runtime);
  await endGuard(fenceDirectory(runDirectory));
  await unmountTaskNetworks(runDirectory);
  await removeStrayDirectories(volumeDirectoryIn(rootDirectory), new Set());
  await removeCgroup(cgroupParent);
}

/**
 * Ends what is left in the group, and removes it with all below it from every hierarchy; its parent too, when
 * nothing else is in that.
 */
export async function removeCgroup(path: string): Promise<void> {
  const cgroups = await detectCgroups();
  if (!cgroups || process.getuid?.() !== 0) return;
  await cgroups.killAll(path);
  await cgroups.remove(path);
  const parent = dirname(path);
  if (parent !== '/') await cgroups.removeIfEmpty(parent);
}

/** Containers of the node's own engine, and then that. */
async function destroyEngine(place: Pick<NodeRemains, 'rootDirectory' | 'runDirectory'>): Promise<void> {
  const cgroups = await detectCgroups();
  if (!cgroups || !knownContainerd(place)) return;
  const { CriRuntime } = await import('./runtime/cri/cri-runtime.ts');
  const runtime = new CriRuntime({ ...place, imageDirectory: '', cgroups, logger: silentLogger });
  await deleteAll(runtime);
  await runtime.end();
}

async function deleteAll(runtime: Runtime): Promise<void> {
  const cids = await runtime.list();
  await Promise.all(cids.map((cid) => runtime.delete(cid)));
  await runtime.close();
}
