/** The driver that was chosen, opened. What only the engine's driver needs is loaded with it. */
import type { Logger } from '../../api/meta/logger.ts';
import type { Cgroups } from '../cgroup/cgroups.ts';
import { OciRuntime } from './oci/oci-runtime.ts';
import type { DriverName, Runtime } from './runtime.ts';
import { UnconfinedRuntime } from './unconfined/unconfined-runtime.ts';

export interface RuntimePlace {
  rootDirectory: string;
  runDirectory: string;
  imageDirectory: string;
  /** Absent where containers cannot be made. */
  cgroups?: Cgroups;
  /** Of the engine for the driver cri; absent: the node's own. */
  criEndpoint?: string | undefined;
  logger: Logger;
}

export async function openRuntime(
  driver: DriverName,
  { cgroups, criEndpoint, ...place }: RuntimePlace,
): Promise<Runtime> {
  if (driver === 'unconfined' || !cgroups) return new UnconfinedRuntime(place);
  if (driver === 'oci') return new OciRuntime(place);
  const { CriRuntime } = await import('./cri/cri-runtime.ts');
  return new CriRuntime({ ...place, cgroups, ...(criEndpoint ? { endpoint: criEndpoint } : {}) });
}
