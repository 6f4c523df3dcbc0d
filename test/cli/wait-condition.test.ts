import { describe, expect, it } from 'vitest';
import { UsageError } from '../../cli/failure.ts';
import { parseWaitCondition, parseWaitConditions } from '../../cli/wait-condition.ts';

const job = {
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name: 'web', generation: 2 },
  status: {
    phase: 'Running',
    replicas: 3,
    conditions: [
      { type: 'Ready', status: 'True', observedGeneration: 2 },
      { type: 'Old', status: 'True', observedGeneration: 1 },
      { type: 'Complete', status: 'False' },
    ],
  },
};

describe('--for', () => {
  it.each([
    ['condition=Ready', true],
    ['condition=ready', true],
    ['condition=Ready=True', true],
    ['condition=Ready=False', false],
    ['condition=Complete=false', true],
    ['condition=Missing', false],
    ['condition=Old', false],
    ['jsonpath={.status.phase}=Running', true],
    ['jsonpath={.status.replicas}=3', true],
    ['jsonpath={.status.replicas}=4', false],
    ['jsonpath=.status.phase=Running', true],
    ['jsonpath={.status.phase}', true],
    ['jsonpath={.status.nothing}', false],
    ['jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', true],
    ['create', true],
    ['delete', false],
  ])('%s: %s', (text, holds) => {
    expect(parseWaitCondition(text).holds(job)).toBe(holds);
  });

  it('of several conditions one is enough', () => {
    const { holds, text } = parseWaitConditions(['condition=Missing', 'condition=Ready']);
    expect(holds(job)).toBe(true);
    expect(text).toBe('condition Missing or condition Ready');
    expect(() => parseWaitConditions([])).toThrow(UsageError);
  });

  it('of what does not exist only deletion holds', () => {
    const holding = ['delete', 'create', 'condition=Ready', 'jsonpath={.a}'].filter((text) =>
      parseWaitCondition(text).holds(undefined),
    );
    expect(holding).toEqual(['delete']);
  });

  it.each(['', 'ready', 'condition=', 'jsonpath=', 'jsonpath={.a'])('%j is refused', (text) => {
    expect(() => parseWaitCondition(text)).toThrow(UsageError);
  });
});
