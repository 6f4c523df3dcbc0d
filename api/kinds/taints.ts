/** Well-known taints. Apart from node.ts, so that clients need not load its schema. */

/** Taints the control plane and the agents set. */
export const taints = {
  /** The agent has not renewed its lease. */
  unreachable: 'node.kubernetes.io/unreachable',
  notReady: 'node.kubernetes.io/not-ready',
  unschedulable: 'node.kubernetes.io/unschedulable',
  /** Tasks on this node are plain processes without limits. */
  unconfined: 'gantry.dev/unconfined',
} as const;
