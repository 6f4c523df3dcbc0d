/**
 * A task as the core sees it: what it asks for, as numbers, worked out once when the task arrives.
 * First step on the way: Task → SchedulingTask → queue → scheduleTask → node.
 */
import type { Task } from '../../api/kinds/task.ts';
import { taskHostPorts, taskRequests } from '../../api/kinds/task-request.ts';
import type { Affinity, Toleration } from '../../api/kinds/task-spec.ts';
import { keyOf } from '../../api/meta/object-meta.ts';
import type { ResourceAmounts } from '../../api/meta/quantity.ts';

/** What a task holds of a node from its bind to its end. */
export interface Footprint {
  /** cpu in milli, everything else in whole units; zero amounts are left out. */
  requests: ResourceAmounts;
  /** `TCP/8080`, as hostPortKey writes them. */
  ports: readonly string[];
  /** `namespace/name` of the job it belongs to. */
  job?: string;
}

export interface SchedulingTask extends Footprint {
  /** `namespace/name`. */
  key: string;
  uid: string;
  /** Higher goes first. */
  priority: number;
  /** Whether it may displace others is the class's to say. */
  priorityClassName?: string;
  /** RFC 3339, so that it sorts as text. */
  created: string;
  nodeSelector: Record<string, string>;
  nodeAffinity: NonNullable<Affinity['nodeAffinity']>;
  tolerations: readonly Toleration[];
  /**
   * Tasks of one signature are alike to every filter and, but for where the rest of their jobs is, to every
   * scorer: what is worked out for one holds for all (Borg's and kube-scheduler's equivalence class).
   */
  signature: string;
}

export function schedulingTask(task: Task): SchedulingTask {
  const { metadata, spec } = task;
  const { job, ...footprint } = footprintOf(task);
  const asks = {
    ...footprint,
    priority: spec.priority ?? 0,
    nodeSelector: spec.nodeSelector ?? {},
    nodeAffinity: spec.affinity?.nodeAffinity ?? {},
    tolerations: spec.tolerations ?? [],
  };
  return {
    ...asks,
    ...(job === undefined ? {} : { job }),
    ...(spec.priorityClassName === undefined ? {} : { priorityClassName: spec.priorityClassName }),
    key: keyOf(task),
    uid: metadata.uid ?? '',
    created: metadata.creationTimestamp ?? '',
    signature: JSON.stringify(asks),
  };
}

export function footprintOf({ metadata, spec }: Task): Footprint {
  const requests = Object.entries(taskRequests(spec)).filter(([, amount]) => amount > 0);
  const job = spec.job === undefined ? {} : { job: `${metadata.namespace}/${spec.job}` };
  return { requests: Object.fromEntries(requests), ports: taskHostPorts(spec), ...job };
}
