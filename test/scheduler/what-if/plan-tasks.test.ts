import { describe, expect, it } from 'vitest';
import { ForkedCell } from '../../../scheduler/what-if/forked-cell.ts';
import { planTasks } from '../../../scheduler/what-if/plan-tasks.ts';
import { nodeOf, taskOf } from '../cell.ts';

const node = (name: string) => nodeOf(name, { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } });

describe('a plan', () => {
  it('counts every placement for the next task', () => {
    const cell = new ForkedCell([node('n1'), node('n2')], []);
    const tasks = ['a', 'b', 'c'].map((name) => taskOf(name, { requests: { cpu: '1500m' } }));
    const planned = planTasks(cell, tasks);
    expect(planned.map((one) => one.node)).toEqual(['n1', 'n2', undefined]);
    const [, , last] = planned;
    expect(last && last.node === undefined && last.explanation.message).toContain('2 insufficient cpu');
  });

  it('decides in the order of the queue: higher priority first', () => {
    const cell = new ForkedCell([node('n1')], []);
    const low = taskOf('low', { requests: { cpu: '2' }, priority: 1 });
    const high = taskOf('high', { requests: { cpu: '2' }, priority: 2 });
    const names = planTasks(cell, [low, high]).map((one) => [one.task.metadata.name, one.node]);
    expect(names).toEqual([
      ['high', 'n1'],
      ['low', undefined],
    ]);
  });

  it('leaves room for what runs, none for what is over', () => {
    const running = taskOf('running', { nodeName: 'n1', requests: { cpu: '1' } });
    const over = taskOf('over', { nodeName: 'n1', requests: { cpu: '1' }, phase: 'Succeeded' });
    const cell = new ForkedCell([node('n1')], [running, over]);
    const planned = planTasks(cell, [
      taskOf('a', { requests: { cpu: '1' } }),
      taskOf('b', { requests: { cpu: '1' } }),
    ]);
    expect(planned.map((one) => one.node)).toEqual(['n1', undefined]);
  });
});
