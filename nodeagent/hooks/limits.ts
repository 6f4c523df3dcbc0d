/** Limits of the container, from its resources. */
import { containerLimits, qosClass } from '../task/limits.ts';
import type { StartHook } from './hook.ts';

export const limitsHook: StartHook = async ({ container, node, record, spec }) => {
  spec.limits = containerLimits(container, node.memoryBytes, qosClass(record.task.spec));
  return undefined;
};
