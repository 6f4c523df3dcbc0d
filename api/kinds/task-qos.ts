/** Kubernetes' classes of tasks by what they ask for. Apart from task.ts, so that clients need not load its schema. */
import { resourceAmounts } from '../meta/quantity.ts';
import type { TaskSpec, TaskStatus } from './task.ts';

export type QosClass = NonNullable<TaskStatus['qosClass']>;

/** Every container's limits are its requests; none asks for anything; the rest. */
export function qosClass({
  containers,
  initContainers = [],
}: Pick<TaskSpec, 'containers' | 'initContainers'>): QosClass {
  const all = [...containers, ...initContainers].map(({ resources }) => ({
    limits: resourceAmounts(resources.limits),
    requests: resourceAmounts(resources.requests),
  }));
  const counted = ['cpu', 'memory'];
  if (all.every(({ limits, requests }) => counted.every((name) => !limits[name] && !requests[name])))
    return 'BestEffort';
  const isGuaranteed = all.every(({ limits, requests }) =>
    counted.every((name) => limits[name] && requests[name] === limits[name]),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
