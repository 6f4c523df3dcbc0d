/** What every event has, whatever its type. */
import type { Revision, StoreEvent } from './store.ts';

export function eventKey(event: StoreEvent): string {
  return event.type === 'put' ? event.kv.key : event.key;
}

export function eventRevision(event: StoreEvent): Revision {
  return event.type === 'put' ? event.kv.modRevision : event.modRevision;
}
