/** Well-known taints. Apart from node.ts, so that clients need not load its schema. */

/** Taints the control plane and the agents set. */
export const taints = {
  /** The agent has not renewed its lease. */
  unreachable: 'node.kubernetes.io/unreachable',
  notReady: 'node.kubernetes.io/not-ready',
  unschedulable: 'node.kubernetes.io/unschedulable',
  /** The node says it runs out of something (its conditions of the same name). */
  memoryPressure: 'node.kubernetes.io/memory-pressure',
  diskPressure: 'node.kubernetes.io/disk-pressure',
  pidPressure: 'node.kubernetes.io/pid-pressure',
  /** Tasks on this node are plain processes without limits. */
  unconfined: 'gantry.dev/unconfined',
} as const;
