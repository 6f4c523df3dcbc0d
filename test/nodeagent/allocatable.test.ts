import { describe, expect, it } from 'vitest';
import { allocatable, tasksLimits } from '../../nodeagent/allocatable.ts';
import { parseThresholds } from '../../nodeagent/eviction/thresholds.ts';

const capacity = { cpu: '4', memory: '8Gi', pods: '110', 'example.com/gpu': '2' };
const reserves = { system: { cpu: '500m', memory: '1Gi' }, agent: { memory: '512Mi' } };
const thresholds = parseThresholds({
  ...{ hard: 'memory.available<512Mi', soft: '', softGrace: '', minimumReclaim: '' },
});

describe('what tasks may have', () => {
  it('is the capacity without reserves and the hard threshold of memory', () => {
    expect(allocatable(capacity, reserves, thresholds)).toEqual({
      ...{ cpu: '3500m', memory: '6Gi', pods: '110', 'example.com/gpu': '2' },
    });
  });

  it('is never less than nothing', () => {
    expect(allocatable({ memory: '1Gi' }, reserves, thresholds)).toEqual({ memory: '0' });
  });

  it('is enforced up to the threshold, so that eviction comes before the kernel', () => {
    expect(tasksLimits(capacity, reserves, 1000)).toEqual({
      ...{ cpuShares: 3584, memoryBytes: 6.5 * 1024 ** 3, pids: 1000 },
    });
  });
});
