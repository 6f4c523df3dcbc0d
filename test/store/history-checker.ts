/**
 * Is there one order of all operations that explains what every client saw? With revisions the order is
 * given, so checking is a replay: O(n log n).
 *
 *   - real time: what returned before another was called does not have the higher revision
 *   - every write's compare held on the state just before its revision; every refusal's did not
 *   - every read saw the state at its revision
 *   - the watch is exactly the acknowledged writes, plus some whose outcome nobody knows
 */
import { hasReason } from '../../api/meta/api-error.ts';
import type { Random } from '../../api/meta/random.ts';
import type { Revision, Store, StoreEvent } from '../../api/store/store.ts';
import { eventKey, eventRevision } from '../../api/store/store-event.ts';
import { compareAndPut } from './backend.ts';

export interface RecordedOperation {
  type: 'read' | 'write';
  key: string;
  /** Places in the order in which calls and returns happened. */
  called: number;
  returned: number;
  /** Undefined when the outcome is unknown. */
  revision: Revision | undefined;
  succeeded: boolean;
  /** Writes: the modRevision compared with, and the value. Reads: what was found. */
  modRevision: Revision;
  value: string;
}

export interface ClientOptions {
  clients: number;
  turns: number;
  random: Random;
}

/** Clients that read a random key of twenty and compare-and-swap it with what they think is there. */
export async function recordClients(
  store: Store,
  { clients, turns, random }: ClientOptions,
): Promise<RecordedOperation[]> {
  const operations: RecordedOperation[] = [];
  let tick = 0;
  const client = async (name: number): Promise<void> => {
    const known = new Map<string, Revision>();
    for (let turn = 0; turn < turns; turn++) {
      const key = `key-${Math.floor(random.next() * 20)}`;
      const called = tick++;
      if (random.next() < 0.4) {
        const { revision, kv } = await store.get(key);
        const found = { modRevision: kv?.modRevision ?? 0, value: kv?.value.toString() ?? '' };
        known.set(key, found.modRevision);
        operations.push({ type: 'read', key, called, returned: tick++, revision, succeeded: true, ...found });
        continue;
      }
      const attempt = { modRevision: known.get(key) ?? 0, value: `${name}-${turn}` };
      const outcome = await attemptWrite(store, key, attempt);
      if (outcome.known !== undefined) known.set(key, outcome.known);
      const { revision, succeeded } = outcome;
      operations.push({ type: 'write', key, called, returned: tick++, revision, succeeded, ...attempt });
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, name) => client(name)));
  return operations;
}

async function attemptWrite(
  store: Store,
  key: string,
  { modRevision, value }: { modRevision: Revision; value: string },
): Promise<{ revision: Revision | undefined; succeeded: boolean; known?: Revision }> {
  try {
    const result = await compareAndPut(store, key, modRevision, value);
    const { succeeded, revision } = result;
    return {
      succeeded,
      revision,
      known: result.succeeded ? revision : (result.current[0]?.modRevision ?? 0),
    };
  } catch (error) {
    // Timeout leaves it open; ServiceUnavailable promises that nothing happened.
    if (hasReason(error, 'Timeout')) return { succeeded: true, revision: undefined };
    if (hasReason(error, 'ServiceUnavailable')) return { succeeded: false, revision: undefined };
    throw error;
  }
}

/** The violations found, in words; none is a pass. */
export function checkHistory(
  operations: readonly RecordedOperation[],
  events: readonly StoreEvent[],
): string[] {
  return [
    ...checkRealTime(operations),
    ...checkWatch(operations, events),
    ...checkReplay(operations, events),
  ];
}

function checkRealTime(operations: readonly RecordedOperation[]): string[] {
  const decided = operations.filter(({ revision }) => revision !== undefined);
  const byReturn = [...decided].sort((left, right) => left.returned - right.returned);
  const byCall = [...decided].sort((left, right) => left.called - right.called);
  const violations: string[] = [];
  let highest = 0;
  let returnedAt = 0;
  for (const operation of byCall) {
    for (; byReturn[returnedAt] && byReturn[returnedAt]!.returned < operation.called; returnedAt++) {
      highest = Math.max(highest, byReturn[returnedAt]!.revision!);
    }
    const isNew = operation.type === 'write' && operation.succeeded;
    if (operation.revision! < highest || (isNew && operation.revision === highest)) {
      violations.push(`${describe(operation)} was called after revision ${highest} had been returned`);
    }
  }
  return violations;
}

function checkWatch(operations: readonly RecordedOperation[], events: readonly StoreEvent[]): string[] {
  const violations: string[] = [];
  const byRevision = new Map(events.map((event) => [eventRevision(event), event]));
  const tried = new Set(
    operations.filter(({ succeeded }) => succeeded).map(({ key, value }) => `${key}=${value}`),
  );
  for (const operation of operations) {
    if (operation.type !== 'write' || !operation.succeeded || operation.revision === undefined) continue;
    const event = byRevision.get(operation.revision);
    if (event?.type === 'put' && event.kv.value.toString() === operation.value) continue;
    violations.push(`${describe(operation)} was acknowledged but is not in the watch`);
  }
  let last = 0;
  for (const event of events) {
    const revision = eventRevision(event);
    if (revision <= last) violations.push(`the watch repeats or goes back at revision ${revision}`);
    last = revision;
    if (event.type === 'put' && !tried.has(`${eventKey(event)}=${event.kv.value}`)) {
      violations.push(`revision ${revision} is a write nobody tried`);
    }
  }
  return violations;
}

function checkReplay(operations: readonly RecordedOperation[], events: readonly StoreEvent[]): string[] {
  const state = new Map<string, { modRevision: Revision; value: string }>();
  const pending = operations
    .filter(({ revision }) => revision !== undefined)
    .sort((left, right) => left.revision! - right.revision! || order(left) - order(right));
  const violations: string[] = [];
  let applied = 0;
  for (const operation of pending) {
    const isWrite = operation.type === 'write' && operation.succeeded;
    for (; applied < events.length; applied++) {
      const event = events[applied]!;
      // A write is judged on the state before it, everything else on the state at its revision.
      if (eventRevision(event) > operation.revision! - (isWrite ? 1 : 0)) break;
      if (event.type === 'put') {
        state.set(event.kv.key, { modRevision: event.kv.modRevision, value: event.kv.value.toString() });
      } else state.delete(event.key);
    }
    const now = state.get(operation.key) ?? { modRevision: 0, value: '' };
    const matches = now.modRevision === operation.modRevision;
    const isRight =
      operation.type === 'read' ? matches && now.value === operation.value : matches === operation.succeeded;
    if (!isRight)
      violations.push(`${describe(operation)} does not fit: ${operation.key} was at ${now.modRevision}`);
  }
  return violations;
}

/** At one revision the write comes first. */
function order({ type, succeeded }: RecordedOperation): number {
  return type === 'write' && succeeded ? 0 : 1;
}

function describe({ type, key, revision, modRevision, value, succeeded }: RecordedOperation): string {
  return `${type} ${key}@${modRevision}=${value} (${succeeded ? 'ok' : 'refused'}, revision ${revision})`;
}
