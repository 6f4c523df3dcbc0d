import { describe, expect, it } from 'vitest';
import {
  containerLimits,
  cpuQuotaMicros,
  qosClass,
  taskLimits,
  wholeTaskLimits,
} from '../../nodeagent/task/limits.ts';
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

describe('qosClass', () => {
  const all = { cpu: '1', memory: '512Mi' };
  const guaranteed = container({ resources: { requests: all, limits: all } });
  it.each([
    ['BestEffort', [container()]],
    ['BestEffort', [container({ resources: { limits: { pids: '5' } } })]],
    ['Guaranteed', [guaranteed]],
    ['Burstable', [guaranteed, container()]],
    ['Burstable', [container({ resources: { requests: all } })]],
    ['Burstable', [container({ resources: { requests: { cpu: '1' }, limits: { cpu: '1' } } })]],
  ])('is %s', (qos, containers) => {
    expect(qosClass({ containers })).toBe(qos);
  });

  it('of the whole task decides over each container', () => {
    expect(containerLimits(guaranteed, gibibyte, 'Burstable').oomScoreAdj).toBe(500);
  });
});

describe('wholeTaskLimits', () => {
  it('are those of the largest init container where that is more', () => {
    const memory = (amount: string) => container({ resources: { limits: { memory: amount } } });
    const limits = wholeTaskLimits(
      { containers: [memory('1Mi')], initContainers: [memory('3Mi')] },
      gibibyte,
    );
    expect(limits.memoryBytes).toBe(3 * 1024 ** 2);
  });

  it('are none where one of them has none', () => {
    const limited = container({ resources: { limits: { memory: '1Mi' } } });
    expect(
      wholeTaskLimits({ containers: [limited], initContainers: [container()] }, gibibyte).memoryBytes,
    ).toBeUndefined();
  });
});
