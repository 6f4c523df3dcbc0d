import { describe, expect, it } from 'vitest';
import { Profile } from '../../../scheduler/core/profile.ts';
import { scheduleTask } from '../../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../../scheduler/core/scheduling-task.ts';
import { ForkedCell } from '../../../scheduler/what-if/forked-cell.ts';
import { whyGangPending } from '../../../scheduler/what-if/gang-why.ts';
import { nodeOf, taskOf } from '../cell.ts';

const node = (name: string) => nodeOf(name, { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } });
const ranks = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    taskOf(`r-${index}`, { job: 'r', gang: { minMember: count }, requests: { cpu: '2' } }),
  );

describe('why a gang is pending', () => {
  it('says how many fit, and tells what would help all of it at once', () => {
    const members = ranks(4);
    const there = taskOf('other', { job: 'other', nodeName: 'n2', requests: { cpu: '1' } });
    const cell = { nodes: [node('n1'), node('n2'), node('n3')], tasks: [there] };
    const why = whyGangPending(cell, members[0]!, members);
    if (why.fits) throw new Error('it should not fit');
    expect(why.explanation.message).toContain('the gang needs 4 tasks placed at once, and 2 fit');
    expect(why.counterfactuals.map(({ text }) => text)).toEqual([
      'if its gang needed 2 at once',
      'if 2 more nodes like n1 came',
    ]);
  });

  it('is not told when all of it would fit', () => {
    const members = ranks(2);
    expect(whyGangPending({ nodes: [node('n1'), node('n2')], tasks: [] }, members[1]!, members)).toEqual({
      fits: true,
      node: 'n2',
    });
  });
});

it('a bound task is ranked as if it were not there, and the first is where the scheduler would put it', () => {
  const bound = taskOf('a', { nodeName: 'n2', requests: { cpu: '2' } });
  const nodes = [node('n1'), node('n2'), nodeOf('n3', { cordoned: true })];
  const cell = new ForkedCell(nodes, [bound]);
  const ranked = cell.rank(bound);
  expect(ranked.map((one) => one.node)).toEqual(['n1', 'n2']);
  const empty = new ForkedCell(nodes, []).snapshot;
  const asked = schedulingTask(taskOf('a', { requests: { cpu: '2' } }));
  expect(ranked[0]).toMatchObject({ node: scheduleTask(new Profile(), empty, asked).node });
  expect(ranked[0]?.scores.map(({ plugin }) => plugin)).toContain('BestFit');
  expect(cell.snapshot.resource('cpu')?.free[1]).toBe(0);
});
