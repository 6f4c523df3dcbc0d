/** The checker is only worth something if it finds what is wrong. */
import { describe, expect, test } from 'vitest';
import type { StoreEvent } from '../../api/store/store.ts';
import { checkHistory, type RecordedOperation } from './history-checker.ts';

/** Two writes one after the other, each between its own call and return, and a read of the second. */
const good: RecordedOperation[] = [
  operation('write', { called: 0, returned: 1, revision: 2, modRevision: 0, value: 'one' }),
  operation('write', { called: 2, returned: 3, revision: 3, modRevision: 2, value: 'two' }),
  operation('read', { called: 4, returned: 5, revision: 3, modRevision: 3, value: 'two' }),
];
const watched = [event(2, 'one'), event(3, 'two')];

describe('the history checker', () => {
  test('finds nothing in a good history', () => {
    expect(checkHistory(good, watched)).toEqual([]);
  });

  test('accepts a write of unknown outcome, whether it happened or not', () => {
    const unknown = operation('write', { revision: undefined, modRevision: 3, value: 'three' });
    expect(checkHistory([...good, unknown], watched)).toEqual([]);
    expect(checkHistory([...good, unknown], [...watched, event(4, 'three')])).toEqual([]);
  });

  test.each<[string, RecordedOperation[], StoreEvent[], string]>([
    ['an acknowledged write that is not there', good, [event(2, 'one')], 'not in the watch'],
    ['an event that comes twice', good, [...watched, event(3, 'two')], 'repeats'],
    ['a write nobody made', good, [...watched, event(4, 'ghost')], 'nobody tried'],
    ['a stale read', change(2, { revision: 2, modRevision: 2, value: 'one' }), watched, 'had been returned'],
    ['a read of the wrong value', change(2, { value: 'one' }), watched, 'does not fit'],
    ['a write on a compare that did not hold', change(1, { modRevision: 0 }), watched, 'does not fit'],
    ['a refusal of a compare that held', [...good, refusal(3)], watched, 'does not fit'],
    ['two winners at one revision', change(1, { revision: 2 }), watched, 'had been returned'],
  ])('finds %s', (_, operations, events, violation) => {
    expect(checkHistory(operations, events).join('\n')).toContain(violation);
  });
});

function operation(type: 'read' | 'write', fields: Partial<RecordedOperation>): RecordedOperation {
  const unset = { key: 'k', called: 8, returned: 9, revision: 0, modRevision: 0, value: '' };
  return { ...unset, type, succeeded: true, ...fields };
}

function refusal(modRevision: number): RecordedOperation {
  return operation('write', { revision: 3, modRevision, value: 'no', succeeded: false });
}

function change(at: number, fields: Partial<RecordedOperation>): RecordedOperation[] {
  return good.map((unchanged, index) => (index === at ? { ...unchanged, ...fields } : unchanged));
}

function event(modRevision: number, value: string): StoreEvent {
  const kv = { key: 'k', value: Buffer.from(value), createRevision: 2, modRevision, version: 1, leaseId: 0 };
  return { type: 'put', kv };
}
