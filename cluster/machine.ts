/** What this machine can do: system packages, the driver its nodes can have, namespaces. */
import { execa } from 'execa';
import { ApiError } from '../api/meta/api-error.ts';
import { networkNamespacesProblem } from './network.ts';
import type { Driver, Output, UpOptions } from './options.ts';

export interface Machine {
  driver: Driver;
  /** Whether each node has a network namespace. */
  namespaces: boolean;
  /** Why something is not as good as it could be; for the user. */
  remarks: string[];
}

export interface MachineWishes {
  options: UpOptions;
  /** Whether there will be any nodes. */
  hasNodes: boolean;
  /** cluster/system-packages.sh */
  packagesScript: string;
}

export async function examineMachine(
  { options, hasNodes, packagesScript }: MachineWishes,
  output: Output,
): Promise<Machine> {
  const remarks: string[] = [];
  const isRoot = process.getuid?.() === 0;
  const wantsContainers =
    hasNodes && options.driver !== 'unconfined' && process.platform === 'linux' && isRoot;
  const wantsEngine = wantsContainers && options.driver === 'cri';
  const packages = [
    ...(wantsContainers ? ['node'] : []),
    ...(wantsEngine ? ['cri'] : []),
    ...(options.etcd ? ['etcd'] : []),
  ];
  if (packages.length > 0) await installPackages(packagesScript, packages, output);
  if (hasNodes && (options.driver === 'oci' || options.driver === 'cri') && !wantsContainers) {
    throw new ApiError(
      'BadRequest',
      `--driver ${options.driver} needs root on Linux; run as root, or use --driver unconfined`,
    );
  }
  if (hasNodes && options.driver !== 'unconfined' && !wantsContainers) {
    remarks.push('tasks run as plain processes without limits: real containers need root on Linux');
  }
  const problem = hasNodes ? await networkNamespacesProblem() : 'no nodes';
  if (problem && hasNodes) remarks.push(`nodes share this machine's network: ${problem}`);
  return {
    driver: wantsContainers ? (options.driver ?? 'auto') : 'unconfined',
    namespaces: problem === undefined,
    remarks,
  };
}

async function installPackages(script: string, sets: string[], output: Output): Promise<void> {
  const { exitCode, stderr } = await execa('sh', [script, ...sets], { reject: false });
  if (stderr) output.err(`${stderr}\n`);
  if (exitCode !== 0)
    throw new ApiError(
      'ServiceUnavailable',
      `system packages are missing (${sets.join(', ')}); the line above installs them`,
    );
}
