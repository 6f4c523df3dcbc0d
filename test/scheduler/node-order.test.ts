/** Which of equal nodes schedulers take. */
import { describe, expect, it } from 'vitest';
import { ClusterState } from '../../scheduler/cluster-state.ts';
import { byName, orderOf } from '../../scheduler/core/node-order.ts';
import { Profile } from '../../scheduler/core/profile.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { nodeOf, taskOf } from './cell.ts';

const names = Array.from({ length: 50 }, (_, index) => `n${index}`);

describe('the order of equal nodes', () => {
  it('is the same for a scheduler of the same name, and another for one of another', () => {
    const orders = ['red', 'red', 'green', 'blue'].map((name) => [...names].sort(orderOf(name)).join());
    expect(orders[0]).toBe(orders[1]);
    expect(new Set(orders).size).toBe(3);
  });

  it('of two nodes does not hang on which others there are', () => {
    const order = orderOf('red');
    const some = names.filter((_name, index) => index % 3 === 0);
    const all = [...names].sort(order);
    expect([...some].sort(order)).toEqual(all.filter((name) => some.includes(name)));
  });

  it('decides where the first task goes', () => {
    const choiceOf = (order = byName): string | undefined => {
      const state = new ClusterState(() => {}, undefined, order);
      for (const name of names) state.setNode(nodeOf(name));
      return scheduleTask(new Profile(), state.snapshot, schedulingTask(taskOf('a', {}))).node;
    };
    expect(choiceOf()).toBe('n0');
    expect(choiceOf(orderOf('red'))).toBe([...names].sort(orderOf('red'))[0]);
  });
});
