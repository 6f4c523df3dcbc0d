/** Higher priority first, then who has waited longer, then by name: a total order, so the queue is deterministic. */
import type { Plugin } from '../plugin.ts';

export const prioritySort = {
  name: 'PrioritySort',

  queueSort(left, right) {
    if (left.priority !== right.priority) return right.priority - left.priority;
    if (left.created !== right.created) return left.created < right.created ? -1 : 1;
    if (left.key === right.key) return 0;
    return left.key < right.key ? -1 : 1;
  },
} satisfies Plugin;
