/** The cores the container runs on, where the node gives tasks cores of their own. */
import type { StartHook } from './hook.ts';

export const cpusHook: StartHook = async ({ node, record, container, containerRecord, spec }) => {
  if (!node.cpus || !spec.limits) return undefined;
  const cpus = await node.cpus.assign(record, container, containerRecord);
  if (cpus === undefined)
    return {
      reason: 'CpusTaken',
      message: `the cores container ${container.name} wants for itself are not free on node ${node.name}`,
    };
  spec.limits = { ...spec.limits, cpus };
  return undefined;
};
