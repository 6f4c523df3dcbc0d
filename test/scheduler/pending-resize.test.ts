import { expect, it } from 'vitest';
import { footprintOf } from '../../scheduler/core/scheduling-task.ts';
import { container, task } from '../kit/nodeagent-objects.ts';

const bound = (conditions: object[]) =>
  task({
    spec: { containers: [container({ resources: { requests: { cpu: '5' } } })] },
    status: { conditions, containerStatuses: [{ name: 'main', allocatedResources: { cpu: '50m' } }] },
  });

it('a task whose resize is pending takes what it was admitted, not what it wants', () => {
  const pending = { type: 'PodResizePending', status: 'True', reason: 'Infeasible' };
  expect(footprintOf(bound([pending])).requests['cpu']).toBe(50);
  expect(footprintOf(bound([])).requests['cpu']).toBe(5000);
});
