import { describe, expect, it } from 'vitest';
import type { Node } from '../../../api/kinds/resources.ts';
import { pressureTaints } from '../../../controllers/node-lifecycle/pressure-taints.ts';

function node(conditions: Record<string, 'True' | 'False'>, keys: string[] = []): Node {
  const lastTransitionTime = '2030-01-01T00:00:00Z';
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
    spec: { taints: keys.map((key) => ({ key, effect: 'NoSchedule' as const })) },
    status: {
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status, lastTransitionTime })),
    },
  };
}

const memory = 'node.kubernetes.io/memory-pressure';
const disk = 'node.kubernetes.io/disk-pressure';

describe('a node under pressure', () => {
  it.each([
    ['is tainted', node({ MemoryPressure: 'True' }), [memory]],
    ['keeps the taints of others', node({ DiskPressure: 'True' }, ['own']), ['own', disk]],
    ['is tainted once', node({ MemoryPressure: 'True' }, [memory]), undefined],
    ['loses the taint with the pressure', node({ MemoryPressure: 'False' }, ['own', memory]), ['own']],
    ['is left alone while there is none', node({ PIDPressure: 'False' }, ['own']), undefined],
  ])('%s', (_what, given, keys) => {
    expect(pressureTaints(given)?.map(({ key }) => key)).toEqual(keys);
  });
});
