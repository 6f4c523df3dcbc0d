/** Limits of the container, from its resources. */
import { containerLimits } from '../task/limits.ts';
import type { StartHook } from './hook.ts';

export const limitsHook: StartHook = async ({ container, node, spec }) => {
  spec.limits = containerLimits(container, node.memoryBytes);
  return undefined;
};
