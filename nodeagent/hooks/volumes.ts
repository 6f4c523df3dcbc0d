/** The volumes a container mounts. */
import { apiAccessMounts, hasApiAccess } from '../volumes/api-access.ts';
import type { StartHook } from './hook.ts';

export const volumesHook: StartHook = async ({ node, record, container, cid, spec, volumes }) => {
  const access = hasApiAccess(node, record.task.spec) ? apiAccessMounts(container) : [];
  const volumeMounts = [...(container.volumeMounts ?? []), ...access];
  if (volumeMounts.length === 0) return undefined;
  if (!node.cgroups)
    return {
      reason: 'ContainerCannotRun',
      message: 'this node runs plain processes (driver unconfined): it cannot mount volumes',
    };
  try {
    spec.mounts = [...(spec.mounts ?? []), ...(await volumes.mount(cid, volumeMounts))];
    return undefined;
  } catch (error) {
    return { reason: 'FailedMount', message: error instanceof Error ? error.message : String(error) };
  }
};
