import { describe, expect, it } from 'vitest';
import { containerLimits, cpuQuotaMicros, taskLimits } from '../../nodeagent/task/limits.ts';
import { container } from '../kit/nodeagent-objects.ts';

const gibibyte = 1024 ** 3;
const limitsOf = (resources: { requests?: Record<string, string>; limits?: Record<string, string> }) =>
  containerLimits(container({ resources }), gibibyte);

describe('containerLimits', () => {
  it('takes the quota from limits and the weight from requests', () => {
    expect(
      limitsOf({ limits: { cpu: '300m', memory: '32Mi', pids: '16' }, requests: { cpu: '250m' } }),
    ).toMatchObject({
      cpuMilli: 300,
      cpuShares: 256,
      memoryBytes: 32 * 1024 ** 2,
      pids: 16,
    });
  });

  it('limits only pids when nothing is asked for', () => {
    expect(limitsOf({})).toEqual({ cpuShares: 2, pids: 1024, oomScoreAdj: 1000 });
  });

  it('lets the guaranteed die last and the greedy first', () => {
    const all = { cpu: '1', memory: '512Mi' };
    expect(limitsOf({ requests: all, limits: all }).oomScoreAdj).toBe(-997);
    expect(limitsOf({ requests: { memory: '512Mi' } }).oomScoreAdj).toBe(500);
  });

  it('never asks for a quota the kernel refuses', () => {
    expect(cpuQuotaMicros(1)).toBe(1000);
  });
});

describe('taskLimits', () => {
  it('adds up containers, and has no limit where one of them has none', () => {
    const limited = limitsOf({ limits: { cpu: '1', memory: '1Mi' } });
    const free = limitsOf({ limits: { memory: '2Mi' } });
    expect(taskLimits([limited, free])).toEqual({ cpuShares: 4, memoryBytes: 3 * 1024 ** 2, pids: 2048 });
  });
});
