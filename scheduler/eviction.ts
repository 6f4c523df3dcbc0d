/**
 * Ends a task that makes room for a more important one: first its status says why, then it is deleted, with
 * its grace period. Its node's agent stops it; the room is there when the agent has said so.
 */
import { Task } from '../api/kinds/resources.ts';
import { hasReason } from '../api/meta/api-error.ts';
import type { Clock } from '../api/meta/clock.ts';
import { withCondition } from '../api/meta/conditions.ts';
import { splitKey } from '../api/meta/object-meta.ts';
import type { Client, ObjectKey } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';

export interface Eviction {
  /** Of the victim. */
  key: string;
  uid: string;
  /** Key of the task it makes room for. */
  by: string;
  node: string;
}

interface Tools {
  client: Client;
  events: EventRecorder;
  clock: Clock;
}

const maxTries = 5;

/** A task that is gone already is as good as evicted. Rejects when the API server refuses. */
export async function evict(
  { client, events, clock }: Tools,
  { key, uid, by, node }: Eviction,
): Promise<void> {
  const at = splitKey(key) as ObjectKey;
  const message = `preempted by ${by} on node ${node}`;
  try {
    const victim = await sayWhy({ client, clock }, { at, uid, message });
    if (victim.metadata.uid !== uid || victim.metadata.deletionTimestamp !== undefined) return;
    events.record(victim, { type: 'Warning', reason: 'Preempted', message });
    await client.delete(Task, at, { preconditions: { uid } });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

/** The agent writes the same status: of two writes at once, the later reads what the earlier wrote. */
async function sayWhy(
  { client, clock }: Pick<Tools, 'client' | 'clock'>,
  { at, uid, message }: { at: ObjectKey; uid: string; message: string },
): Promise<Task> {
  for (let tries = 1; ; tries++) {
    const task = await client.get(Task, at);
    if (task.metadata.uid !== uid || task.metadata.deletionTimestamp !== undefined) return task;
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'Preempted', message } as const;
    const body = {
      metadata: { resourceVersion: task.metadata.resourceVersion },
      status: {
        reason: 'Preempted',
        message,
        conditions: withCondition(task.status.conditions, condition, clock.now()),
      },
    };
    try {
      return await client.patch(Task, at, { type: 'merge', body }, { subresource: 'status' });
    } catch (error) {
      if (!hasReason(error, 'Conflict') || tries >= maxTries) throw error;
    }
  }
}
