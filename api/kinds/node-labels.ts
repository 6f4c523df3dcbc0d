/** Labels of nodes that are Gantry's own. */

/** none, or static: whole cores of Guaranteed tasks are theirs alone there. */
export const cpuPolicyLabel = 'gantry.dev/cpu-policy';
