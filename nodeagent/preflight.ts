/** Which driver can work on this machine, tried rather than guessed, and why, in plain words. */
import { access, constants, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../api/meta/api-error.ts';
import { type Cgroups, detectCgroups } from './cgroup/cgroups.ts';
import { tryCommand } from './command.ts';
import { idMappingProblem } from './runtime/oci/id-mapping.ts';

export type DriverChoice = 'auto' | 'oci' | 'unconfined';

export interface Preflight {
  driver: 'oci' | 'unconfined';
  /** For the node's condition. */
  reason: string;
  cgroups?: Cgroups;
  /** Why containers cannot have users of their own; absent: they can. */
  userNamespaceProblem?: string;
}

/** Throws ApiError ServiceUnavailable when `oci` is asked for and cannot work. */
export async function preflight(
  wanted: DriverChoice,
  { rootDirectory, cgroupParent }: { rootDirectory: string; cgroupParent: string },
): Promise<Preflight> {
  if (wanted === 'unconfined')
    return {
      driver: 'unconfined',
      reason: 'tasks are plain processes without limits: driver unconfined was asked for',
      userNamespaceProblem: 'tasks are plain processes',
    };
  const cgroups = await detectCgroups();
  const problem = await ociProblem(rootDirectory, cgroupParent, cgroups);
  if (problem === undefined && cgroups) {
    const userNamespaceProblem = await idMappingProblem(rootDirectory);
    return {
      ...(userNamespaceProblem === undefined ? {} : { userNamespaceProblem }),
      driver: 'oci',
      reason: `tasks are containers, limited by cgroup v${cgroups.version}`,
      cgroups,
    };
  }
  if (wanted === 'oci') throw new ApiError('ServiceUnavailable', `driver oci cannot work here: ${problem}`);
  return {
    driver: 'unconfined',
    reason: `tasks are plain processes without limits: ${problem}`,
    userNamespaceProblem: 'tasks are plain processes',
  };
}

async function ociProblem(
  rootDirectory: string,
  cgroupParent: string,
  cgroups: Cgroups | undefined,
): Promise<string | undefined> {
  if (process.platform !== 'linux') return `containers need Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'the agent does not run as root';
  const needed = ['runc', 'conmon', 'umoci', 'skopeo', 'cgcreate'];
  const missing = await missingTools(needed);
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  if (!cgroups) return 'no control groups are mounted on /sys/fs/cgroup';
  try {
    await cgroups.create(cgroupParent);
  } catch (error) {
    return `control groups cannot be made: ${error instanceof Error ? error.message : String(error)}`;
  }
  return overlayProblem(rootDirectory);
}

async function missingTools(tools: readonly string[]): Promise<string[]> {
  const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const isThere = async (tool: string): Promise<boolean> => {
    const tries = await Promise.allSettled(
      directories.map((directory) => access(join(directory, tool), constants.X_OK)),
    );
    return tries.some(({ status }) => status === 'fulfilled');
  };
  const found = await Promise.all(tools.map(isThere));
  return tools.filter((_tool, index) => !found[index]);
}

/** Some file systems, and some sandboxes, refuse overlays. */
async function overlayProblem(rootDirectory: string): Promise<string | undefined> {
  const home = join(rootDirectory, 'preflight');
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(home, name));
  try {
    for (const directory of [lower, upper, work, merged]) await mkdir(`${directory}`, { recursive: true });
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    const { exitCode, stderr } = await tryCommand('mount', [
      '-t',
      'overlay',
      'overlay',
      '-o',
      options,
      `${merged}`,
    ]);
    if (exitCode !== 0) return `overlay file systems cannot be mounted in ${rootDirectory}: ${stderr.trim()}`;
    await tryCommand('umount', [`${merged}`]);
    return undefined;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
