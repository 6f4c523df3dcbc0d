/** Devices of the node that the container was promised. */
import type { StartHook } from './hook.ts';

export const devicesHook: StartHook = async ({ node, record, container, containerRecord, spec }) => {
  if (!node.devices) return undefined;
  const edits = node.devices.assign(container, containerRecord, record.task.spec);
  if (!edits)
    return {
      reason: 'DevicesTaken',
      message: `the devices container ${container.name} wants are in use, or no more, on node ${node.name}`,
    };
  if (edits.length > 0) spec.deviceEdits = edits;
  return undefined;
};
