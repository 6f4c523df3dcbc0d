/** Every task a selector finds, once each, those of later too: what following a whole job's log goes by. */
import { Task } from '../api/kinds/resources.ts';
import { hasReason } from '../api/meta/api-error.ts';
import { type Clock, sleep } from '../api/meta/clock.ts';
import type { Client } from '../client/client.ts';

const pauseMs = 1000;

/** Ends only when `signal` aborts; goes over to a new list when the server can no longer go on from the old one. */
export async function* taskArrivals(
  client: Client,
  scope: { namespace: string; labelSelector: string },
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): AsyncGenerator<Task> {
  const seen = new Set<string>();
  const isNew = ({ metadata: { uid = '' } }: Task): boolean => !seen.has(uid) && seen.add(uid) !== undefined;
  while (!signal.aborted) {
    try {
      const { items, metadata } = await client.list(Task, { ...scope, signal });
      yield* items.sort(byName).filter(isNew);
      const { resourceVersion } = metadata;
      for await (const event of client.watch(Task, { ...scope, resourceVersion, signal })) {
        if ((event.type === 'ADDED' || event.type === 'MODIFIED') && isNew(event.object)) yield event.object;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!hasReason(error, 'Expired', 'Gone', 'ServiceUnavailable', 'Timeout')) throw error;
    }
    await sleep(clock, pauseMs, signal);
  }
}

/** By index and attempt, as numbers: web-2-0 before web-10-0. */
export function byName(left: Task, right: Task): number {
  return left.metadata.name.localeCompare(right.metadata.name, 'en', { numeric: true });
}
