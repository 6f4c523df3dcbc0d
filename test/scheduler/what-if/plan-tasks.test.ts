import { describe, expect, it } from 'vitest';
import { Profile, spreadingPlugins } from '../../../scheduler/core/profile.ts';
import { UserPlugins } from '../../../scheduler/user-plugins/load-plugins.ts';
import { ForkedCell } from '../../../scheduler/what-if/forked-cell.ts';
import { planTasks } from '../../../scheduler/what-if/plan-tasks.ts';
import { whyPending } from '../../../scheduler/what-if/why.ts';
import { nodeOf, taskOf } from '../cell.ts';

const node = (name: string) => nodeOf(name, { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } });

describe('a plan', () => {
  it('counts every placement for the next task', () => {
    const cell = { nodes: [node('n1'), node('n2')], tasks: [] };
    const tasks = ['a', 'b', 'c'].map((name) => taskOf(name, { requests: { cpu: '1500m' } }));
    const planned = planTasks(cell, tasks);
    expect(planned.map((one) => one.node)).toEqual(['n1', 'n2', undefined]);
    const [, , last] = planned;
    expect(last && last.node === undefined && last.explanation.message).toContain('2 insufficient cpu');
  });

  it('knows the profile, plugins of one’s own included, of the scheduler that is asked about', () => {
    const plugins = new UserPlugins(
      "module.exports = { name: 'Only', filter: (task, node) => node.name === task.labels.on ? undefined : 'not it' };",
      'plugins.cjs',
    );
    const cell = {
      nodes: [node('n1'), node('n2')],
      tasks: [],
      profile: new Profile([...spreadingPlugins, ...plugins.entries]),
    };
    const tasks = ['n2', 'n1', 'n3'].map((on) => taskOf(`to-${on}`, { labels: { on } }));
    const planned = planTasks(cell, tasks);
    expect(Object.fromEntries(planned.map((one) => [one.task.metadata.name, one.node]))).toEqual({
      'to-n1': 'n1',
      'to-n2': 'n2',
      'to-n3': undefined,
    });
    const why = whyPending(new ForkedCell(cell.nodes, [], cell), tasks[2]!);
    expect(why.fits || why.explanation.message).toContain('2 not it');
  });

  it('decides in the order of the queue: higher priority first', () => {
    const cell = { nodes: [node('n1')], tasks: [] };
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
    const cell = { nodes: [node('n1')], tasks: [running, over] };
    const planned = planTasks(cell, [
      taskOf('a', { requests: { cpu: '1' } }),
      taskOf('b', { requests: { cpu: '1' } }),
    ]);
    expect(planned.map((one) => one.node)).toEqual(['n1', undefined]);
  });

  it('places gangs together, and says whom production would displace', () => {
    const there = ['a', 'b'].map((name) =>
      taskOf(name, { nodeName: name === 'a' ? 'n1' : 'n2', requests: { cpu: '2' }, priority: 0 }),
    );
    const cell = { nodes: [node('n1'), node('n2')], tasks: there };
    const ranks = ['r-0', 'r-1'].map((name) =>
      taskOf(name, { job: 'r', gang: { minMember: 2 }, requests: { cpu: '1500m' }, priority: 200_000 }),
    );
    expect(planTasks(cell, ranks).map((one) => one.node)).toEqual([undefined, undefined]);
    const planned = planTasks({ ...cell, mayPreempt: () => true }, ranks);
    expect(planned.map((one) => one.node !== undefined && [one.node, ...one.displaces])).toEqual([
      ['n1', 'default/a'],
      ['n2', 'default/b'],
    ]);
    const [larger] = planTasks({ ...cell, mayPreempt: () => true }, ranks.slice(0, 1));
    expect(larger && larger.node === undefined && larger.explanation.message).toContain(
      '1 of them are there',
    );
  });
});
