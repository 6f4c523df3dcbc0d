/**
 * What a user writes: filters and scores of their own, in a file that the scheduler is told of
 * (`--plugins file.ts`). The file's default export is one UserPlugin or a list of them.
 *
 * Invariant: answers depend on the two arguments alone; the scheduler keeps them as long as these stand.
 */

export interface UserPlugin {
  /** Unique; stands in `status.pending` and in `gantry why`. */
  name: string;
  /** What its score counts beside the others'; a whole number, default 1. */
  weight?: number;
  /** Why the node will not do for the task, to follow a count of nodes: "without a licence". Undefined: it will do. */
  filter?(task: PluginTask, node: PluginNode): string | undefined;
  /** 0 (worst) to 100 (best). */
  score?(task: PluginTask, node: PluginNode): number;
}

export interface PluginTask {
  namespace: string;
  labels: Readonly<Record<string, string>>;
  /** cpu in milli, everything else in whole units. */
  requests: Readonly<Record<string, number>>;
  priority: number;
  nodeSelector: Readonly<Record<string, string>>;
}

export interface PluginNode {
  name: string;
  labels: Readonly<Record<string, string>>;
  taints: readonly { key: string; value?: string; effect: string }[];
}
