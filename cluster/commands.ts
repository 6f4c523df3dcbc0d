/** The door from the CLI into `cluster/`: each command as a function of its flags. Reads the environment; the rest does not. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../api/meta/clock.ts';
import { type ClusterHome, clusterHome } from './cluster-home.ts';
import { down as downCluster } from './down.ts';
import type { DownOptions, Output, StatusOptions, UpOptions } from './options.ts';
import { PartFailure } from './readiness.ts';
import { status as clusterStatus } from './status.ts';
import { up as upCluster } from './up.ts';

export { planLoss } from './loss-plan.ts';
export { plan } from './manifest-plan.ts';
export { sim } from './simulate.ts';
export { why } from './what-if.ts';

const defaultName = 'dev';

function homeOf({ name = defaultName }: { name?: string }): ClusterHome {
  const gantryHome = process.env['GANTRY_HOME'];
  return clusterHome(name, {
    home: homedir(),
    isRoot: process.getuid?.() === 0,
    ...(gantryHome ? { gantryHome } : {}),
  });
}

/** Built, this file is one level below dist/; the checkout is above that. */
const root = fileURLToPath(new URL('../..', import.meta.url));

export async function up(options: UpOptions, output: Output): Promise<number> {
  const kubeconfigFile =
    process.env['KUBECONFIG']?.split(':').find((file) => file !== '') ?? join(homedir(), '.kube/config');
  try {
    return await upCluster(options, {
      home: homeOf(options),
      clock: systemClock,
      output,
      root,
      kubeconfigFile,
    });
  } catch (error) {
    if (error instanceof PartFailure && error.logTail) output.err(`\n${error.logTail}\n\n`);
    throw error;
  }
}

export async function down(options: DownOptions, output: Output): Promise<number> {
  return downCluster(options, { home: homeOf(options), clock: systemClock, output });
}

export async function status(options: StatusOptions, output: Output): Promise<number> {
  return clusterStatus(homeOf(options), output);
}
