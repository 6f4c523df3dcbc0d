/** Which driver can work on this machine, tried rather than guessed, and why, in plain words. */
import { access, constants, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../api/meta/api-error.ts';
import { type Cgroups, detectCgroups } from './cgroup/cgroups.ts';
import { tryCommand } from './command.ts';
import { idMappingProblem } from './runtime/oci/id-mapping.ts';
import type { DriverName } from './runtime/runtime.ts';

export type DriverChoice = 'auto' | DriverName;

export interface Preflight {
  driver: DriverName;
  /** For the node's condition. */
  reason: string;
  cgroups?: Cgroups;
  /** Why containers cannot have users of their own; absent: they can. */
  userNamespaceProblem?: string;
}

export interface PreflightOptions {
  rootDirectory: string;
  cgroupParent: string;
  /** An engine that is there: none has to be installed. */
  criEndpoint?: string | undefined;
}

const tools = {
  oci: ['runc', 'conmon', 'umoci', 'skopeo', 'cgcreate'],
  cri: ['containerd', 'ctr', 'runc', 'umoci', 'skopeo', 'cgcreate', 'busybox'],
};

/** Throws ApiError ServiceUnavailable when a driver is asked for that cannot work. */
export async function preflight(wanted: DriverChoice, options: PreflightOptions): Promise<Preflight> {
  if (wanted === 'unconfined')
    return {
      driver: 'unconfined',
      reason: 'tasks are plain processes without limits: driver unconfined was asked for',
      userNamespaceProblem: 'tasks are plain processes',
    };
  const cgroups = await detectCgroups();
  const driver = wanted === 'cri' ? 'cri' : 'oci';
  const problem = await containerProblem(driver, options, cgroups);
  if (problem === undefined && cgroups) {
    const userNamespaceProblem =
      driver === 'cri'
        ? 'the driver cri gives containers the users of the node'
        : await idMappingProblem(options.rootDirectory);
    return {
      ...(userNamespaceProblem === undefined ? {} : { userNamespaceProblem }),
      driver,
      reason: `tasks are containers, limited by cgroup v${cgroups.version}`,
      cgroups,
    };
  }
  if (wanted !== 'auto')
    throw new ApiError('ServiceUnavailable', `driver ${wanted} cannot work here: ${problem}`);
  return {
    driver: 'unconfined',
    reason: `tasks are plain processes without limits: ${problem}`,
    userNamespaceProblem: 'tasks are plain processes',
  };
}

async function containerProblem(
  driver: keyof typeof tools,
  { rootDirectory, cgroupParent, criEndpoint }: PreflightOptions,
  cgroups: Cgroups | undefined,
): Promise<string | undefined> {
  if (process.platform !== 'linux') return `containers need Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'the agent does not run as root';
  const isTheirs = (tool: string): boolean => criEndpoint !== undefined && tool === 'containerd';
  const missing = await missingTools(tools[driver].filter((tool) => !isTheirs(tool)));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  if (!cgroups) return 'no control groups are mounted on /sys/fs/cgroup';
  try {
    await cgroups.create(cgroupParent);
  } catch (error) {
    return `control groups cannot be made: ${error instanceof Error ? error.message : String(error)}`;
  }
  return overlayProblem(rootDirectory);
}

async function missingTools(wanted: readonly string[]): Promise<string[]> {
  const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const isThere = async (tool: string): Promise<boolean> => {
    const tries = await Promise.allSettled(
      directories.map((directory) => access(join(directory, tool), constants.X_OK)),
    );
    return tries.some(({ status }) => status === 'fulfilled');
  };
  const found = await Promise.all(wanted.map(isThere));
  return wanted.filter((_tool, index) => !found[index]);
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
