import { describe, expect, it } from 'vitest';
import { decideResize } from '../../nodeagent/task/resize.ts';
import { container } from '../kit/nodeagent-objects.ts';

const mebibyte = 1024 ** 2;
const has = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '200m', memory: '128Mi' } };

describe('a resize', () => {
  it.each([
    ['of nothing is nothing', container({ resources: has }), 'nothing'],
    [
      'is applied while the container runs',
      container({ resources: { ...has, limits: { cpu: '1' } } }),
      'apply',
    ],
    [
      'restarts a container that wants that for what changes',
      container({
        resources: { ...has, limits: { ...has.limits, memory: '256Mi' } },
        resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
      }),
      'restart',
    ],
    [
      'restarts no container for what it does not change',
      container({
        resources: { ...has, limits: { ...has.limits, cpu: '300m' } },
        resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
      }),
      'apply',
    ],
  ])('%s', (_what, spec, outcome) => {
    expect(decideResize(has, spec, 0)).toEqual({ do: outcome });
  });

  it('to less memory than is used waits, and says why', () => {
    const spec = container({ resources: { ...has, limits: { ...has.limits, memory: '70Mi' } } });
    expect(decideResize(has, spec, 80 * mebibyte)).toEqual({
      do: 'wait',
      message: 'container main uses 80Mi of memory, more than its new limit of 70Mi',
    });
    expect(decideResize(has, spec, 60 * mebibyte)).toEqual({ do: 'apply' });
  });
});
