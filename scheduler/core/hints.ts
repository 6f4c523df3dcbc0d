/** Does an event give a refused task hope? Asks the filters that refused it (kube-scheduler's QueueingHint). */
import type { ClusterEvent } from './plugin.ts';
import type { Profile } from './profile.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';

/** `refusedBy`: names of those that refused nodes; none when there was no node to refuse. */
export function givesHope(
  { filters }: Profile,
  snapshot: Snapshot,
  { event, task, refusedBy }: { event: ClusterEvent; task: SchedulingTask; refusedBy: ReadonlySet<string> },
): boolean {
  if (event.type === 'ClaimChanged')
    return task.claims?.some((key) => event.claim === undefined || key === event.claim) ?? false;
  if (refusedBy.size === 0) return event.type === 'NodeAdded';
  const isElsewhere = event.type === 'TaskPlaced' || event.type === 'NodeRemoved';
  return filters.some(
    ({ name, hint, readsOtherNodes = false }) =>
      refusedBy.has(name) && (readsOtherNodes || !isElsewhere) && (!hint || hint(event, task, snapshot)),
  );
}
