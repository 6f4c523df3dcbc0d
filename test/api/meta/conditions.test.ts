import { describe, expect, test } from 'vitest';
import { type Condition, isConditionTrue, withCondition } from '../../../api/meta/conditions.ts';

const nowMs = Date.UTC(2030, 0, 1);
const laterMs = nowMs + 60_000;

describe('conditions', () => {
  test('a new one gets the time of its first status', () => {
    expect(withCondition(undefined, { type: 'Ready', status: 'True' }, nowMs)).toEqual([
      { type: 'Ready', status: 'True', lastTransitionTime: '2030-01-01T00:00:00Z' },
    ]);
  });

  test('the transition time moves with the status, not with reason or message', () => {
    const first = withCondition([], { type: 'Ready', status: 'True', reason: 'A' }, nowMs);
    const same = withCondition(first, { type: 'Ready', status: 'True', reason: 'B' }, laterMs);
    expect(same[0]).toMatchObject({ reason: 'B', lastTransitionTime: '2030-01-01T00:00:00Z' });
    const changed = withCondition(same, { type: 'Ready', status: 'Unknown' }, laterMs);
    expect(changed[0]).toMatchObject({ status: 'Unknown', lastTransitionTime: '2030-01-01T00:01:00Z' });
  });

  test('one of no known transition time gets one', () => {
    const [condition] = withCondition(
      [{ type: 'Ready', status: 'True' }],
      { type: 'Ready', status: 'True' },
      nowMs,
    );
    expect(condition?.lastTransitionTime).toBe('2030-01-01T00:00:00Z');
  });

  test('the others and their order stay, and the list that was given is not changed', () => {
    const before: Condition[] = [
      { type: 'A', status: 'True' },
      { type: 'B', status: 'True' },
      { type: 'C', status: 'True' },
    ];
    const after = withCondition(before, { type: 'B', status: 'False' }, nowMs);
    expect(after.map(({ type }) => type)).toEqual(['A', 'B', 'C']);
    expect(before[1]?.status).toBe('True');
  });

  test('absent and unknown are not true', () => {
    expect(isConditionTrue(undefined, 'Ready')).toBe(false);
    expect(isConditionTrue([{ type: 'Ready', status: 'Unknown' }], 'Ready')).toBe(false);
    expect(isConditionTrue([{ type: 'Ready', status: 'True' }], 'Ready')).toBe(true);
  });
});
