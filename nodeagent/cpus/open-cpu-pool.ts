/** The pool of cores, where the agent's flags want one. */
import { ApiError } from '../../api/meta/api-error.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';
import type { Reserves } from '../allocatable.ts';
import type { Cgroups } from '../cgroup/cgroups.ts';
import { taskCgroup } from '../hooks/cgroup.ts';
import type { DriverName } from '../runtime/runtime.ts';
import type { TaskRecord } from '../task/task-record.ts';
import { CpuPool } from './cpu-pool.ts';
import { machineCpus } from './machine-cpus.ts';

export interface CpuPoolFlags {
  flags: { cpuPolicy: 'none' | 'static'; cgroupParent: string; reserves: Reserves };
  driver: DriverName;
  cgroups: Cgroups;
  records: () => readonly TaskRecord[];
  logger: Logger;
}

/** Throws ApiError BadRequest when the node cannot do what the flags want. */
export async function openCpuPool(options: CpuPoolFlags): Promise<CpuPool | undefined> {
  const { flags, driver, cgroups, records, logger } = options;
  const { cpuPolicy, cgroupParent, reserves } = flags;
  if (cpuPolicy === 'none') return undefined;
  // An engine's groups lie below those whose cores the agent changes, and keep theirs.
  if (driver !== 'oci') throw refused(`wants the driver oci, not ${driver}`);
  const milli = [reserves.system, reserves.agent].map((list) => resourceAmounts(list)['cpu'] ?? 0);
  const reserved = Math.ceil(milli.reduce((sum, amount) => sum + amount) / 1000);
  if (reserved === 0)
    throw refused('wants cpu in --system-reserved or --agent-reserved: a core that no task has alone');
  if (cgroups.cpus('/') === undefined)
    throw refused('wants the cpuset controller, which is not mounted here');
  const groupOf = (record: TaskRecord): string => taskCgroup({ cgroupParent }, record);
  return new CpuPool({ cpus: await machineCpus(), ...{ reserved, records, cgroups, groupOf, logger } });
}

function refused(why: string): ApiError {
  return new ApiError('BadRequest', `--cpu-policy static ${why}`);
}
